"""CallConnectLeads ``pingPostLead``: a home improvement lead, by ping and post or by one ``full`` request."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.elements import branch, document, leaf
from callrouter.buyers.base.fields import ACCEPT, address, encode, fill
from callrouter.buyers.base.reply import MAX_LEAF_CHARS, Reply, declined_by_status, read_money, read_reply, unreadable
from callrouter.buyers.base.sheet import Sheet, Step, plain_words
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

MATCHES, SELECTED, RETURNED = "Matches", "Match_With_Partner_Hashes", "returned"
HASH_TYPE, HASH_OF = "Return_Hash_Type", "Return_Hash_Value_Type"
_LISTS = {MATCHES: "Match", SELECTED: "Selected_Partner_Hash"}
_ID = re.compile("[0-9A-Za-z_-]{1,64}")
_HASH = re.compile("[0-9A-Za-z]{1,128}")


class Adapter:
    """The body decides: Matched, Unmatched or Error. The ping's token is its ``lead_id``, and the hashes if wanted."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """The ping, without what identifies the person; the partner takes no time limit."""
        return self._request(ask, account, "ping", {"Mode": "ping"})

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """A price, or the ``Cost`` that we sent, or neither."""
        filled = fill(self._sheet, ask, account)
        sent: Mapping[str, str] = {} if isinstance(filled, Decline) else filled
        verdict = self._read(response, sent, read_money(sent.get("Cost")))
        if isinstance(verdict, Quote) and verdict.payout_stated and verdict.payout == 0:
            return Decline(reason=Reason.NO_OFFER, detail="price of zero")
        return verdict

    def build_accept(self, ask: Ask, account: Account, quote: Quote | None, allowed_ms: int) -> BuyerRequest | Decline:
        """The post of a pinged lead, or all of it at once where the mode has no ping."""
        if self._sheet.modes[account.mode].ping is None:
            return self._request(ask, account, "post", {"Mode": "full", "Lead_ID": ""})
        lead_id, _, hashes = ((quote and quote.token) or "").partition(" ")
        if not lead_id:
            return _unbuildable("Lead_ID is not known: the ping's reply names it")
        return self._request(ask, account, "post", {"Mode": "post", "Lead_ID": lead_id}, hashes)

    def parse_accept(self, ask: Ask, account: Account, quote: Quote | None, response: BuyerResponse) -> Quote | Decline:
        """A sold lead: at the ping's price, unless this reply names one."""
        bid = quote.payout if quote is not None and quote.payout_stated else None
        return self._read(response, account.params, bid)

    def _request(
        self, ask: Ask, account: Account, step: Step, ours: Mapping[str, str], hashes: str = ""
    ) -> BuyerRequest | Decline:
        if step not in self._sheet.modes[account.mode].steps:
            return _unbuildable(f"{account.mode} has no {step}")
        filled = fill(self._sheet, ask, account, step)
        if isinstance(filled, Decline):
            return filled
        values = {**filled, **ours}
        if wrong := self._wrong(account, values):
            return _unbuildable(wrong)
        if step == "ping" or values.get(SELECTED) == RETURNED:  # before the ping's reply there is nothing to select
            values[SELECTED] = hashes
        ordered = {name: values[name] for name in (*account.credentials, *self._sheet.fields) if values.get(name)}
        url = address(self._sheet, account, step)
        if account.method != "xml":
            return encode(account, ordered, url)
        headers = {"Accept": ACCEPT, "Content-Type": "text/xml; charset=utf-8"}
        return BuyerRequest("POST", url, headers=headers, body=document(self._written(ordered)))

    def _wrong(self, account: Account, values: Mapping[str, str]) -> str | None:
        """What the table of fields cannot say: which of them need each other, or another method or mode."""
        complete, selected = values["Mode"] == "full", values.get(SELECTED)
        needed = (name for name, rule in self._sheet.fields.items() if complete and rule.required_in("ping"))
        if missing := next((name for name in needed if not values.get(name)), None):
            return f"{missing} is not known"
        if bool(values.get(HASH_TYPE)) != bool(values.get(HASH_OF)):
            return f"{HASH_TYPE} and {HASH_OF} must be used together"
        if account.method != "xml" and (lists := next((name for name in _LISTS if values.get(name)), None)):
            return f"{lists} can only be sent as XML: set method: xml"
        if selected == RETURNED and (complete or not values.get(HASH_TYPE)):
            return f"{SELECTED} returned: only a ping with {HASH_TYPE} returns hashes; set it, and mode: ping_post"
        return None

    def _written(self, values: Mapping[str, str]) -> str:
        """Their ``<Request>``: the person and the project stand under ``<Data>``, lists after it."""
        placed = {name: rule.place for name, rule in self._sheet.fields.items()}
        plain = {name: leaf(name, value) for name, value in values.items() if name not in _LISTS}
        top = [element for name, element in plain.items() if placed.get(name) != "data"]
        data = [element for name, element in plain.items() if placed.get(name) == "data"]
        lists = [_list(name, values[name]) for name in _LISTS if name in values]
        return branch("Request", *top, branch("Data", *data), *lists)

    def _read(self, response: BuyerResponse, sent: Mapping[str, str], bid: Decimal | Decline | None) -> Quote | Decline:
        reply = self._matched(response)
        if isinstance(reply, Decline):
            return reply
        lead_id, price = self._text(reply, "lead") or "", self._text(reply, "price")
        if not _ID.fullmatch(lead_id):
            return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="lead_id" if lead_id else "no lead_id")
        named = read_money(price) if price is not None else bid
        if isinstance(named, Decline) and price is not None:
            return named
        payout = named if isinstance(named, Decimal) else None
        hashes, matches = ";".join(self._hashes(reply, sent)), self._text(reply, "matches")
        return Quote(
            number=None,
            payout=Decimal(0) if payout is None else payout,
            payout_stated=payout is not None,
            buyer_ref=lead_id,
            token=f"{lead_id} {hashes}" if hashes and sent.get(SELECTED) == RETURNED else lead_id,
            details={k: v[:MAX_LEAF_CHARS] for k, v in {"matches": matches, "hashes": hashes}.items() if v},
        )

    def _matched(self, response: BuyerResponse) -> Reply | Decline:
        """The reply, if it says Matched and does not come with a server's error."""
        by_status = declined_by_status(response.status)
        reply = read_reply(response.body)
        if isinstance(reply, Decline):
            return unreadable(reply, by_status)
        status, words = self._text(reply, "status"), self._text(reply, "error")
        said, told = plain_words(status or "").strip(), plain_words(words or "")
        if said in self._sheet.words.rejected:
            return Decline(reason=Reason.NO_OFFER, detail=words or status)
        if said in self._sheet.words.accepted:
            return by_status if by_status is not None and by_status.reason is Reason.ERROR_UNAVAILABLE else reply
        known = next((reason for text, reason in self._sheet.error_words.items() if text in told), None)
        other = Reason.ERROR_OTHER if words or said == "error" else Reason.ERROR_BAD_RESPONSE
        decline = by_status or Decline(reason=other, detail=status or "no status")
        return Decline(reason=known or decline.reason, detail=words or decline.detail)

    def _hashes(self, reply: Reply, sent: Mapping[str, str]) -> Iterator[str]:
        """Each ``<hash>`` as ``ValueType:HashType:value``; in the tree its attributes follow its text."""
        kinds = {"valuetype": HASH_OF, "hashtype": HASH_TYPE}
        for part in reply.parts(self._sheet.aliases["hashes"]):
            found = part.tree.get("hash", ())
            for value, after in zip(found, (*found[1:], ""), strict=True):
                stated = Reply({} if isinstance(after, str) else after)
                words = {ours: stated.find([theirs]) or sent.get(ours) for theirs, ours in kinds.items()}
                known = all(word in self._sheet.fields[ours].one_of for ours, word in words.items())
                if isinstance(value, str) and _HASH.fullmatch(value) and known:
                    yield f"{words[HASH_OF]}:{words[HASH_TYPE]}:{value}"

    def _text(self, reply: Reply, what: str) -> str | None:
        return reply.find(self._sheet.aliases[what])


def _unbuildable(detail: str) -> Decline:
    return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=detail)


def _list(name: str, text: str) -> str:
    """``ValueType:HashType:value; …`` as elements."""
    entries = (entry.strip().split(":", 2) for entry in text.split(";") if entry.strip())
    elements = (leaf(_LISTS[name], of.strip(), {"ValueType": what, "HashType": how}) for what, how, of in entries)
    return branch(name, *elements)
