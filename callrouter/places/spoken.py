"""Digits in what a caller said. Pure."""

import re

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_DIGITS = {word: str(n) for n, word in enumerate(_NUMBERS.split())} | {"oh": "0", "o": "0", "hundred": "00"}
_TENS = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        "23456789",
        strict=True,
    )
)
_HEARD_AS = {"to": "2", "too": "2", "for": "4", "fore": "4", "won": "1", "ate": "8", "owe": "0"}
_TIMES = {"double": 2, "triple": 3}
_WORD = re.compile(r"\d+|[a-z]+")


def digit_runs(said: str, *, homophones: bool = False) -> list[str]:
    """The digits of each stretch of ``said`` that means digits: ``double one, two`` and ``112`` are both 112.

    With ``homophones`` also words that a recogniser writes for digits: ``for`` is 4.
    """
    return _runs(_WORD.findall(said.lower().replace("'", "")), _HEARD_AS if homophones else {})


def _runs(words: list[str], homophones: dict[str, str]) -> list[str]:
    runs, run, times, tens = [], "", 1, ""
    for word in [*words, ""]:
        digits = word if word.isdigit() else _DIGITS.get(word) or homophones.get(word)
        if tens:
            # "seventy eight" is 78, "seventy" followed by anything else is 70.
            if digits and len(digits) == 1 and digits != "0":
                run, tens = run + tens + digits, ""
                continue
            run, tens = run + tens + "0", ""
        if word in _TIMES:
            times = _TIMES[word]
        elif word in _TENS:
            tens = _TENS[word]
        elif digits:
            run, times = run + digits[0] * (times - 1) + digits, 1
        else:
            runs.append(run)
            run, times = "", 1
    return [run for run in runs if run]
