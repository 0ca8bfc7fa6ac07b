"""Sign-in through SAML, with responses signed in the test, and everything that is wrong with a response."""

import base64
import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import xmlsec
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from lxml import etree

from accounts.contracts import Protocol
from accounts.models import Identity, Membership, SignInAttempt, User
from accounts.models import IdentityProvider as Row
from accounts.services import sso
from accounts.sso import saml as own_side
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.sso import confirmed, domain_verified, draft, inside, provider_made, refused_as, start_path
from tests.cast import Cast
from tests.servers.saml import (
    DS,
    EMAIL_FORMAT,
    ENTITY_ID,
    SAML,
    SAMLP,
    SSO_URL,
    IdentityProvider,
    assertion,
    key_and_certificate,
    request_in,
    signed,
    stamp,
)

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Setup:
    """Halden & Roe with a verified domain and a SAML provider that is on."""

    cast: Cast
    row: Row
    idp: IdentityProvider

    @property
    def acs(self) -> str:
        return f"/sso/-/{self.row.organization_id}/{self.row.id}/acs/"

    @property
    def addresses(self) -> dict[str, str]:
        with tenant(self.row.organization_id):
            found = sso.addresses_of(self.row)
        return {"acs": found.acs, "audience": found.metadata}

    def led(self, client: Client, next_path: str = "") -> str:
        answer = client.get(start_path(self.row, "halden-roe", next_path))
        assert answer.status_code == 302, answer.content.decode()
        return answer.headers["Location"]

    def answered(self, client: Client, next_path: str = "", **said: Any) -> HttpResponse:
        """The provider's form arrives from its own site, so without our cookies; then the browser follows."""
        response, relay_state = self.idp.answer(self.led(client, next_path), **{**self.addresses, **said})
        return self.posted(client, response, relay_state)

    def posted(self, client: Client, response: str, relay_state: str) -> HttpResponse:
        form = {"SAMLResponse": response, "RelayState": relay_state}
        taken = Client(enforce_csrf_checks=True).post(self.acs, form)
        if taken.status_code != 302:
            return taken
        return client.get(taken.headers["Location"])


@pytest.fixture(scope="module")
def idp() -> IdentityProvider:
    return IdentityProvider(*key_and_certificate())


@pytest.fixture
def setup(cast: Cast, idp: IdentityProvider) -> Setup:
    domain_verified(cast.halden)
    confirmed(cast.maya, cast.priya)
    pem = own_side.certificate(idp.certificate.decode())
    made = draft(entity_id=ENTITY_ID, sso_url=SSO_URL, certificates=[pem], trusts_email=True)
    return Setup(cast, provider_made(cast.maya, Protocol.SAML, made), idp)


def test_a_member_signs_in_and_arrives_where_they_wanted_to_go(setup: Setup) -> None:
    client, target = Client(), "/o/halden-roe/settings/members/"
    assert setup.answered(client, target).headers["Location"] == target
    assert client.session["_auth_user_id"] == str(setup.cast.priya.user.id)
    assert inside(client, "halden-roe") == 200
    with tenant(setup.cast.halden.id):
        assert Identity.objects.get(subject="priya").member_id == setup.cast.priya.membership.id
        assert SignInAttempt.objects.get().answer == {}  # nothing about the person is kept


def test_the_name_id_may_be_the_address(setup: Setup) -> None:
    client = Client()
    setup.answered(client, subject="priya@halden.example", format=EMAIL_FORMAT, values={})
    assert client.session["_auth_user_id"] == str(setup.cast.priya.user.id)


def test_attributes_give_roles_and_the_context_tells_of_a_second_factor(setup: Setup) -> None:
    with tenant(setup.cast.halden.id):
        Row.objects.update(role_claim="groups", role_map={"ops": "admin"})
    client = Client()
    values = {"email": ["nora@halden.example"], "displayName": ["Nora Berg"], "groups": ["staff", "ops"]}
    setup.answered(client, subject="nora", values=values, context="https://refeds.org/profile/mfa")
    (record,) = client.session["account_authentication_methods"]
    assert (record["method"], record["second_factor"], record["organization"]) == (
        "sso",
        True,
        str(setup.cast.halden.id),
    )
    with tenant(setup.cast.halden.id):
        assert Membership.objects.get(user__email="nora@halden.example").role == "admin"


def test_the_request_says_who_asks_and_the_metadata_say_the_same(setup: Setup) -> None:
    request, _relay_state = request_in(setup.led(Client()))
    addresses = setup.addresses
    assert request.get("Destination") == SSO_URL
    assert request.get("AssertionConsumerServiceURL") == addresses["acs"]
    metadata = Client().get(addresses["audience"].removeprefix(settings.SITE_URL))
    root = etree.fromstring(metadata.content)
    (service,) = root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    (descriptor,) = root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}SPSSODescriptor")
    assert (root.get("entityID"), service.get("Location")) == (addresses["audience"], addresses["acs"])
    assert descriptor.get("WantAssertionsSigned") == "true"


def test_two_certificates_count_while_the_provider_changes_its_key(setup: Setup) -> None:
    fresh = IdentityProvider(*key_and_certificate())
    with tenant(setup.cast.halden.id):
        setup.row.config["certificates"].append(own_side.certificate(fresh.certificate.decode()))
        setup.row.save()
    for idp in (setup.idp, fresh):
        client = Client()
        Setup(setup.cast, setup.row, idp).answered(client)
        assert "_auth_user_id" in client.session


# Attacks ------------------------------------------------------------------------------------------------------------
def conditions(tree: Any) -> Any:
    return next(tree.iter(f"{{{SAML}}}Conditions"))


def confirmation(tree: Any) -> Any:
    return next(tree.iter(f"{{{SAML}}}SubjectConfirmationData"))


def gone(tree: Any, name: str) -> None:
    for node in list(tree.iter(f"{{{SAML}}}{name}")):
        node.getparent().remove(node)


def past(tree: Any) -> None:
    conditions(tree).set("NotOnOrAfter", stamp(datetime.now(UTC) - timedelta(minutes=30)))


def name_id(tree: Any) -> Any:
    return next(tree.iter(f"{{{SAML}}}NameID"))


def everywhere(tree: Any, attribute: str, value: str) -> None:
    tree.set(attribute, value)
    confirmation(tree).set(attribute, value)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unsigned": ({"sign": str}, "bad_signature"),
    "only the message is signed, by nobody": ({"sign": lambda tree: signed(tree, FOREIGN)}, "bad_signature"),
    "signed by somebody else": ({"key": b"foreign"}, "bad_signature"),
    "changed after it was signed": (
        {"after": lambda tree: setattr(name_id(tree), "text", "maya")},
        "bad_signature",
    ),
    "signed with a broken method": (
        {"sign": lambda tree: signed(assertion(tree), OWN, method=xmlsec.Transform.RSA_SHA1)},
        "bad_response",
    ),
    "wrong audience": ({"audience": "https://another.example/metadata"}, "bad_audience"),
    "no audience": ({"before": lambda tree: gone(tree, "AudienceRestriction")}, "bad_audience"),
    "wrong recipient": (
        {"before": lambda tree: confirmation(tree).set("Recipient", "https://evil.example/acs/")},
        "bad_response",
    ),
    "our address is only a part of the recipient": (
        {"before": lambda tree: confirmation(tree).set("Recipient", confirmation(tree).get("Recipient") + "more")},
        "bad_recipient",
    ),
    "no recipient": ({"before": lambda tree: confirmation(tree).attrib.pop("Recipient")}, "bad_recipient"),
    "wrong destination": ({"before": lambda tree: tree.set("Destination", "https://evil.example/")}, "bad_recipient"),
    "the destination only begins like ours": (
        {"before": lambda tree: tree.set("Destination", tree.get("Destination") + "more")},
        "bad_recipient",
    ),
    "expired": ({"before": past}, "bad_response"),
    "confirmation expired": (
        {"before": lambda tree: confirmation(tree).set("NotOnOrAfter", "2020-01-01T00:00:00Z")},
        "bad_response",
    ),
    "confirmation without an end": (
        {"before": lambda tree: confirmation(tree).attrib.pop("NotOnOrAfter")},
        "bad_request_id",
    ),
    "not yet": (
        {"before": lambda tree: conditions(tree).set("NotBefore", stamp(datetime.now(UTC) + timedelta(hours=1)))},
        "bad_response",
    ),
    "no conditions": ({"before": lambda tree: gone(tree, "Conditions")}, "bad_response"),
    "wrong InResponseTo": ({"before": lambda tree: everywhere(tree, "InResponseTo", "_another")}, "bad_request_id"),
    "wrong InResponseTo of the message": (
        {"before": lambda tree: tree.set("InResponseTo", "_another")},
        "bad_request_id",
    ),
    "wrong InResponseTo of the assertion": (
        {"before": lambda tree: confirmation(tree).set("InResponseTo", "_another")},
        "bad_response",
    ),
    "no InResponseTo": (
        {
            "before": lambda tree: (
                tree.attrib.pop("InResponseTo"),
                confirmation(tree).attrib.pop("InResponseTo"),
            )
        },
        "bad_request_id",
    ),
    "wrong issuer": ({"issuer": "https://evil.example/saml"}, "bad_issuer"),
    "a new name each time": ({"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, "no_subject"),
    "no name": ({"before": lambda tree: gone(tree, "NameID")}, "bad_response"),
    "the provider says no": (
        {
            "before": lambda tree: next(tree.iter(f"{{{SAMLP}}}StatusCode")).set(
                "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"
            )
        },
        "denied",
    ),
    "not bearer": (
        {
            "before": lambda tree: next(tree.iter(f"{{{SAML}}}SubjectConfirmation")).set(
                "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
            )
        },
        "bad_response",
    ),
    "an address that is not vouched for": (
        {"values": {"email": ["ines@borealis.example"]}, "subject": "ines"},
        "domain_unverified",
    ),
    "an address that is said to be unverified": (
        {"values": {"email": ["priya@halden.example"], "email_verified": ["false"]}},
        "email_unverified",
    ),
}
FOREIGN = key_and_certificate()[0]
OWN = b""


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_response_is_refused(setup: Setup, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.accounts.test_sso_saml.OWN", setup.idp.key)
    said, reason = WRONG[what]
    said = {**said, "key": FOREIGN} if said.get("key") else said
    client = Client()
    answer = setup.answered(client, **said)
    assert refused_as(answer, reason), answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert User.objects.count() == 5


def forged(tree: Any) -> Any:
    """A copy of the assertion that says that it is about the owner, without its signature."""
    evil = copy.deepcopy(assertion(tree))
    evil.remove(next(evil.iter(f"{{{DS}}}Signature")))
    evil.set("ID", "_evil")
    name_id(evil).text = "maya"
    next(evil.iter(f"{{{SAML}}}AttributeValue")).text = "maya@halden.example"
    return evil


def xsw_sibling_before(tree: Any) -> None:
    tree.insert(list(tree).index(assertion(tree)), forged(tree))


def xsw_sibling_after(tree: Any) -> None:
    tree.append(forged(tree))


def xsw_around(tree: Any) -> None:
    """The forged one takes the place, and holds the signed one inside itself."""
    real, evil = assertion(tree), forged(tree)
    tree.replace(real, evil)
    evil.append(real)


def xsw_in_signature(tree: Any) -> None:
    """The forged one carries the signature, whose Object holds the signed one."""
    real, evil = assertion(tree), forged(tree)
    signature = next(real.iter(f"{{{DS}}}Signature"))
    tree.replace(real, evil)
    evil.insert(1, signature)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(real)


def xsw_same_id(tree: Any) -> None:
    real, evil = assertion(tree), forged(tree)
    evil.set("ID", real.get("ID"))
    tree.insert(list(tree).index(real), evil)


def xsw_extensions(tree: Any) -> None:
    """The signed one is moved to where nobody looks."""
    real, evil = assertion(tree), forged(tree)
    tree.replace(real, evil)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(real)
    tree.insert(1, extensions)


def xsw_response(tree: Any) -> Any:
    """A whole forged response around the signed one."""
    outer = copy.deepcopy(tree)
    outer.set("ID", "_outer")
    real = assertion(outer)
    outer.replace(real, forged(tree))
    status = next(outer.iter(f"{{{SAMLP}}}Status"))
    etree.SubElement(status, f"{{{SAMLP}}}StatusDetail").append(tree)
    return outer


def xsw_signature_moved(tree: Any) -> None:
    """The signature over the signed one stands in the forged one, and refers elsewhere."""
    real, evil = assertion(tree), forged(tree)
    evil.insert(1, next(real.iter(f"{{{DS}}}Signature")))
    tree.insert(list(tree).index(real), evil)


@pytest.mark.parametrize(
    "wrap",
    [
        xsw_sibling_before,
        xsw_sibling_after,
        xsw_around,
        xsw_in_signature,
        xsw_same_id,
        xsw_extensions,
        xsw_response,
        xsw_signature_moved,
    ],
)
def test_a_signed_assertion_wrapped_into_a_forged_one_is_refused(setup: Setup, wrap: Callable[[Any], Any]) -> None:
    client = Client()
    answer = setup.answered(client, after=wrap)
    assert answer.status_code == 403, answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_comment_in_a_name_cuts_nothing_off(setup: Setup) -> None:
    """A signature does not cover comments: `maya@halden.example<!---->.evil.example` is signed as one name."""
    client = Client()
    response, relay_state = setup.idp.answer(
        setup.led(client), **setup.addresses, subject="maya@halden.example.evil.example", format=EMAIL_FORMAT, values={}
    )
    xml = base64.b64decode(response).replace(b"halden.example.evil", b"halden.example<!---->.evil")
    answer = setup.posted(client, base64.b64encode(xml).decode(), relay_state)
    assert refused_as(answer, "bad_response")
    verbatim = setup.answered(client, subject="maya@halden.example.evil.example", format=EMAIL_FORMAT, values={})
    assert refused_as(verbatim, "domain_unverified")


def test_a_document_type_is_not_read(setup: Setup) -> None:
    client = Client()
    response, relay_state = setup.idp.answer(setup.led(client), **setup.addresses)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    xml = bomb + base64.b64decode(response)
    assert refused_as(setup.posted(client, base64.b64encode(xml).decode(), relay_state), "bad_response")


@pytest.mark.parametrize("nonsense", ["", "%%%", "PHg+", "AAAA", "x" * 600_000, base64.b64encode(b"<a/>").decode()])
def test_nonsense_is_refused(setup: Setup, nonsense: str) -> None:
    client = Client()
    _request, relay_state = request_in(setup.led(client))
    assert setup.posted(client, nonsense, relay_state).status_code == 403


def test_a_response_is_good_once(setup: Setup) -> None:
    client = Client()
    response, relay_state = setup.idp.answer(setup.led(client), **setup.addresses)
    assert setup.posted(client, response, relay_state).status_code == 302
    assert refused_as(setup.posted(Client(), response, relay_state), "replayed")


def test_an_assertion_is_good_once_whatever_request_it_answers(setup: Setup) -> None:
    said = {**setup.addresses, "assertion_id": "_the-same"}
    first, second = Client(), Client()
    for client, status in ((first, 302), (second, 403)):
        response, relay_state = setup.idp.answer(setup.led(client), **said)
        assert setup.posted(client, response, relay_state).status_code == status
    assert "_auth_user_id" not in second.session


def test_a_response_in_another_browser_signs_nobody_in(setup: Setup) -> None:
    response, relay_state = setup.idp.answer(setup.led(Client()), **setup.addresses)
    victim = Client()
    assert refused_as(setup.posted(victim, response, relay_state), "other_browser")
    assert "_auth_user_id" not in victim.session


def test_a_response_that_nobody_asked_for_is_refused(setup: Setup) -> None:
    response, _relay_state = setup.idp.answer(setup.led(Client()), **setup.addresses)
    for relay_state in ("", "https://evil.example/", "//evil.example", "x" * 43):
        answer = setup.posted(Client(), response, relay_state)
        assert refused_as(answer, "unknown_attempt")


def test_the_finish_alone_signs_nobody_in(setup: Setup) -> None:
    client = Client()
    _request, relay_state = request_in(setup.led(client))
    address = setup.acs.replace("/acs/", "/finish/")
    assert refused_as(client.get(address, {"state": relay_state}), "unknown_attempt")
    setup.answered(client)
    with tenant(setup.cast.halden.id):
        used = SignInAttempt.objects.exclude(finished_at=None).get().state
    assert refused_as(client.get(address, {"state": used}), "unknown_attempt")


def test_a_response_for_one_organization_is_nothing_in_another(setup: Setup, cast: Cast) -> None:
    """Both trust the same provider; entity id and ACS address differ, so that an answer fits one only."""
    pem = own_side.certificate(setup.idp.certificate.decode())
    made = draft(entity_id=ENTITY_ID, sso_url=SSO_URL, certificates=[pem], trusts_email=True)
    row = provider_made(cast.ines, Protocol.SAML, made)
    client = Client()
    address = client.get(start_path(row, "borealis")).headers["Location"]
    response, relay_state = setup.idp.answer(address, **setup.addresses)
    theirs = Setup(cast, row, setup.idp)
    assert theirs.posted(client, response, relay_state).status_code == 403
    assert "_auth_user_id" not in client.session
