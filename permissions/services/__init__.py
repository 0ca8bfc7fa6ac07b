from permissions.services.absences import absence_add, absence_end
from permissions.services.consents import (
    consent_approve,
    consent_ask,
    consent_deny,
    consent_use,
    consents_approve_same,
    consents_escalate,
    consents_expire,
    consents_withdraw,
    plan_agreed,
    plan_ask,
    plan_use,
    plans_withdraw,
)
from permissions.services.deciding import call_decide, call_preview
from permissions.services.grants import (
    grant_revoke,
    grant_used,
    grant_wake,
    grants_notice,
    grants_revoke_all,
    grants_suspend,
)
from permissions.services.renewing import consents_renew

__all__ = [
    "absence_add",
    "absence_end",
    "call_decide",
    "call_preview",
    "consent_approve",
    "consent_ask",
    "consent_deny",
    "consent_use",
    "consents_approve_same",
    "consents_escalate",
    "consents_expire",
    "consents_renew",
    "consents_withdraw",
    "grant_revoke",
    "grant_used",
    "grant_wake",
    "grants_notice",
    "grants_revoke_all",
    "grants_suspend",
    "plan_agreed",
    "plan_ask",
    "plan_use",
    "plans_withdraw",
]
