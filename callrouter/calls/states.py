"""The state table: which moves a call may make. Everything else is a bug or a stray webhook."""

from collections.abc import Mapping

from callrouter.domain.call import Call, CallState

MOVES: Mapping[CallState, frozenset[CallState]] = {
    CallState.INTAKE: frozenset({CallState.INTAKE, CallState.AUCTION, CallState.ENDED}),
    CallState.AUCTION: frozenset({CallState.AUCTION, CallState.OPEN, CallState.DIALLING, CallState.ENDED}),
    # Only warm transfers: an agent talks on with offers in hand.
    CallState.OPEN: frozenset({CallState.OPEN, CallState.AUCTION, CallState.DIALLING, CallState.ENDED}),
    CallState.DIALLING: frozenset(
        {CallState.DIALLING, CallState.BRIDGED, CallState.AUCTION, CallState.OPEN, CallState.ENDED}
    ),
    # A buyer that hung up early leaves a caller who is offered on.
    CallState.BRIDGED: frozenset({CallState.DIALLING, CallState.AUCTION, CallState.OPEN, CallState.ENDED}),
    CallState.ENDED: frozenset(),
}


class ImpossibleMove(Exception):
    """A transition tried a move that the table does not have."""


def moved(call: Call, state: CallState, **changes: object) -> Call:
    """The call in its next state. Raises `ImpossibleMove`."""
    if state not in MOVES[call.state]:
        raise ImpossibleMove(f"{call.state.value} → {state.value}")
    return call.replaced(state=state, **changes)
