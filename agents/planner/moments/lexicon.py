"""The English words of the date grammar. The local planner understands English only, so nothing here is translated."""

from __future__ import annotations

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

WEEKDAY_NUMBERS = {name.lower(): number for number, name in enumerate(WEEKDAYS)} | {
    **{name[:3].lower(): number for number, name in enumerate(WEEKDAYS)},
    "mon": 0,
    "tue": 1,
    "tues": 1,
    "wed": 2,
    "weds": 2,
    "thu": 3,
    "thur": 3,
    "thurs": 3,
    "fri": 4,
    "sat": 5,
    "sun": 6,
}
# "sat" and "sun" are also plain English words: alone they are a day only after "on", "next" and the like.
DOUBTFUL_WEEKDAYS = frozenset({"sat", "sun", "wed"})
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)} | {
    **{name[:3].lower(): number for number, name in enumerate(MONTHS, 1)},
    "sept": 9,
}

NUMBERS = {
    word: number
    for number, word in enumerate(
        (
            *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
            *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
        ),
        1,
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}

MINUTE_WORDS = frozenset({"m", "min", "mins", "minute", "minutes"})
HOUR_WORDS = frozenset({"h", "hr", "hrs", "hour", "hours"})
DAY_WORDS = frozenset({"day", "days"})
WEEK_WORDS = frozenset({"week", "weeks"})
MONTH_WORDS = frozenset({"month", "months"})
YEAR_WORDS = frozenset({"year", "years"})

EN_DASH = "\u2013"
EM_DASH = "\u2014"
TO = ("to", "-", EN_DASH, EM_DASH, "until", "till", "til", "through")
