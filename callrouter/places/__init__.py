"""Where a person may be: their zip's state and time zone, and the zones of their number's area code."""
