"""The currencies that a shop may charge in, and how many digits their minor unit has.

The digits decide what an amount means, so they are ours: a library's digits are habits of display, and change with
its releases. A merchant keeps its currency's digits from the day on which it is made (`Merchant.currency_digits`).

Source: ISO 4217, List One, as its maintenance agency published it on 1 January 2026; the list of 17 September 2026
has the same digits for each of these codes. Left out of it, because no shop is paid in them:
- what has no minor unit: XXX, XTS, gold and other metals, bond market units, XDR, XSU, XUA;
- funds: BOV, CHE, CHW, CLF, COU, MXV, USN, UYI. Prices may be quoted in some; paid is CLP, MXN, COP and so on;
- UYW, an index of wages, and XAD, the accounting unit of a fund of central banks.
"""

from typing import Any


def _each(codes: dict[Any, str]) -> dict[str, Any]:
    """By each code what stands in front of a line of them."""
    return {code: value for value, line in codes.items() for code in line.split()}


DIGITS: dict[str, int] = _each(
    {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
        2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
        "CRC "
        "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
        "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD "
        "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
        "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
        3: "BHD IQD JOD KWD LYD OMR TND",
    }
)

# What to charge in instead of codes that people still type: the currency that replaced one, or that a fund is paid in.
INSTEAD: dict[str, str] = _each(
    {
        "EUR": "ATS BEF BGN CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LUF LVL MTL NLG PTE SIT SKK XEU",
        "AZN": "AZM",
        "BOB": "BOV",
        "BYN": "BYR",
        "CHF": "CHE CHW",
        "CLP": "CLF",
        "COP": "COU",
        "CUP": "CUC",
        "GHS": "GHC",
        "MRU": "MRO",
        "MXN": "MXV",
        "MZN": "MZM",
        "RON": "ROL",
        "SLE": "SLL",
        "STN": "STD",
        "TMT": "TMM",
        "TRY": "TRL",
        "USD": "USN USS",
        "UYU": "UYI UYW",
        "VES": "VEB VEF",
        "XCG": "ANG",
        "ZMW": "ZMK",
        "ZWG": "ZWD ZWL",
    }
)

# Before merchants kept their digits, amounts were read with those of Babel 2.18. This never changes any more.
_FORMER: dict[str, int] = _each(
    {
        0: "ADP AFN ALL BIF BYR CLP DJF ESP GNF IQD IRR ISK ITL JPY KMF KPW KRW LAK LBP LUF MGA MGF MMK MRO PYG RSD "
        "RWF "
        "SLL SOS STD SYP TMM TRL UGX UYI VND VUV XAF XOF XPF YER ZMK ZWD",
        3: "BHD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }
)


def former_digits(code: str) -> int:
    """The digits with which amounts were read and shown before a merchant kept its own."""
    return _FORMER.get(code, 2)


def digits(code: str) -> int:
    """The digits of a currency; of one that no shop may choose any more, those that it had here."""
    return DIGITS.get(code, former_digits(code))


def possible_digits(code: str) -> set[int]:
    """What a merchant with this currency may have kept, depending on when it was made."""
    return {digits(code), former_digits(code)}


def wanted(code: Any) -> str:
    """What a currency must be, as a document's faults say it; with what to charge in instead, where that is known."""
    instead = INSTEAD.get(code) if isinstance(code, str) else None
    return "a currency that shops charge in, like CNY" + (f"; instead of {code} enter {instead}" if instead else "")
