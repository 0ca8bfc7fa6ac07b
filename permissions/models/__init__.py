from permissions.models.consents import Consent, ConsentReviewer
from permissions.models.decisions import DecisionRecord
from permissions.models.grants import Grant
from permissions.models.reviewing import Absence
from permissions.models.rules import DataLabel, PolicyHead, PolicyRule
from permissions.models.stops import Stop

__all__ = [
    "Absence",
    "Consent",
    "ConsentReviewer",
    "DataLabel",
    "DecisionRecord",
    "Grant",
    "PolicyHead",
    "PolicyRule",
    "Stop",
]
