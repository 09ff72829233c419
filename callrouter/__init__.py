"""callrouter decides, while a person waits on the phone, who should take their call."""

__version__ = "0.1.0"
