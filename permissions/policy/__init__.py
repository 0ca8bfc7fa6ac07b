"""The decision about a call: allow, ask or deny. Pure: the same facts, rules and standing permissions give the same
answer, with the rule that gave it, so that it can be explained, stored and made once more.

`builtin` has the rules that hold everywhere, `organization` those that an organization makes, in Cedar, `decisions`
puts them together with a person's standing permissions.
"""

from permissions.policy.builtin import ADDRESS_ARGUMENTS
from permissions.policy.cedar import CONTEXT_NAMES, LONGEST_CONDITION, as_cedar, problem_of
from permissions.policy.decisions import POLICY_VERSION, decide
from permissions.policy.organization import NO_RULES, Policy

__all__ = [
    "ADDRESS_ARGUMENTS",
    "CONTEXT_NAMES",
    "LONGEST_CONDITION",
    "NO_RULES",
    "POLICY_VERSION",
    "Policy",
    "as_cedar",
    "decide",
    "problem_of",
]
