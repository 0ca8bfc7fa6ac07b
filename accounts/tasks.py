"""Jobs and ticks of accounts, done."""

from uuid import UUID

from celery import shared_task

from accounts.jobs import CLEAN_UP, DOMAIN_CHECK, DOMAIN_LOOK, ERASE, EXPORT, INVITATION_MAIL
from accounts.services.domains import domain_check, domain_look_again, domains_look_again
from accounts.services.erasure import erasure_carry_out, erasures_recover
from accounts.services.exports import export_make, exports_expire, exports_recover
from accounts.services.invitations import invitation_deliver
from accounts.services.retention import clean_up, clean_ups_start
from accounts.services.sessions import sessions_forget
from accounts.services.site_mail import SEND_TASK, mail_send, mails_lag, mails_relay
from jarvis_site.kernel.ticks import tick


@INVITATION_MAIL.handler
def mail_invitation(*, invitation_id: UUID) -> None:
    invitation_deliver(invitation_id=invitation_id)


@DOMAIN_CHECK.handler
def check_domain(*, domain_id: UUID) -> None:
    domain_check(domain_id=domain_id)


@DOMAIN_LOOK.handler
def look_at_domain_again(*, domain_id: UUID) -> None:
    domain_look_again(domain_id=domain_id)


@EXPORT.handler
def make_export(*, export_id: UUID) -> None:
    export_make(export_id=export_id)


@ERASE.handler
def erase(*, erasure_id: UUID) -> None:
    erasure_carry_out(erasure_id=erasure_id)


@CLEAN_UP.handler
def clean(*, kind: str) -> None:
    clean_up(kind=kind)


@tick("accounts.keep_data_rights", every=60.0)
def keep_data_rights() -> None:
    """Copies that ran out go, and work that nobody will finish is said to have failed."""
    exports_expire()
    exports_recover()
    erasures_recover()


@tick("accounts.start_clean_ups", every=900.0)
def start_clean_ups() -> None:
    clean_ups_start()
    sessions_forget()


@shared_task(name=SEND_TASK)
def send_site_mail(mail_id: str) -> None:
    mail_send(mail_id=UUID(mail_id))


@tick("accounts.relay_site_mail", every=5.0, lag=mails_lag)
def relay_site_mail() -> None:
    mails_relay()


@tick("accounts.look_at_domains", every=900.0)
def look_at_domains() -> None:
    """Often, because a round can be lost; each domain is looked up once a day."""
    domains_look_again()
