"""Twilio, behind the carrier seam. Its facts, with their sources, are in the project's carrier notes.

``signature`` who may call us, ``webhooks`` requests to events, ``twiml`` commands to documents, ``rest`` the calls
that we make, ``rooms`` those about conferences, ``browser`` the tokens of browser phones, ``urls`` every address that
Twilio is given.
"""
