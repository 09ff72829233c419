"""Why a database did not do its work, in words of our own: a driver's may hold a user, a password or a caller."""

import socket

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_BY_STATE = {
    "28P01": "it refuses the user or the password",
    "28000": "it refuses the user, or connections from this machine",
    "3D000": "there is no such database; create it",
    "42501": "the user may not make tables; make it the database's owner",
    "42P01": "its tables are missing",
    "42704": "it does not know an option of the URL",
    "25006": "it can only be read; name the primary",
    "40P01": "two writers waited for each other; try again",
    "53100": "its disk is full",
    "53300": "it has no connections left; raise max_connections",
}
"""PostgreSQL's error codes that an operator can do something about."""

_BY_CLASS = {"08": "the connection broke", "57": "it is starting or stopping", "53": "it has run out of something"}


def in_words(error: BaseException) -> str:
    """What was wrong, without the driver's text: a clause that follows "the ledger does not answer:"."""
    cause: BaseException = (isinstance(error, DBAPIError) and error.orig) or error
    state = getattr(cause, "sqlstate", None)
    if isinstance(error, InterfaceError) and isinstance(cause.__cause__, ValueError):
        return "the driver does not understand an option of the URL"
    if isinstance(state, str):
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or f"{type(error).__name__} {state}"
    if isinstance(error, PoolTimeoutError):
        return "all of this instance's connections are in use"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, socket.gaierror):
        return "there is no host of that name"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(cause, ConnectionError):
        return "the connection broke"
    return type(error).__name__
