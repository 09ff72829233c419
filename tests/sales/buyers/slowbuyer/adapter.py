"""The same format; see ``leadbuyer``."""

import sys

Adapter = sys.modules["callrouter_buyer_leadbuyer"].Adapter
