"""A SAML identity provider in the test: a key, a certificate, and responses that are as true as a test wants them."""

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from jarvis_site.kernel.ids import uuid7

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
ENTITY_ID = "https://idp.halden.example/saml"
SSO_URL = "https://idp.halden.example/sso?tenant=1&app=jarvis"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
type Change = Callable[[Any], object]

_RESPONSE = """<samlp:Response xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{response_id}" Version="2.0"
 IssueInstant="{now}" Destination="{acs}" InResponseTo="{request_id}"><saml:Issuer>{issuer}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion ID="{assertion_id}" Version="2.0" IssueInstant="{now}"><saml:Issuer>{issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{format}">{subject}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData
 NotOnOrAfter="{until}" Recipient="{acs}" InResponseTo="{request_id}"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{since}" NotOnOrAfter="{until}"><saml:AudienceRestriction>
<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}" SessionIndex="s1"><saml:AuthnContext>
<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
{attributes}</saml:Assertion></samlp:Response>"""
_ATTRIBUTE = '<saml:Attribute Name="{}">{}</saml:Attribute>'
_VALUE = "<saml:AttributeValue>{}</saml:AttributeValue>"


def key_and_certificate() -> tuple[bytes, bytes]:
    """A fresh key and a certificate that it signs itself, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.halden.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, made.public_bytes(serialization.Encoding.PEM)


@dataclass
class IdentityProvider:
    """Attributes:
    key, certificate: PEM.
    """

    key: bytes
    certificate: bytes
    values: dict[str, list[str]] = field(default_factory=lambda: {"email": ["priya@halden.example"]})

    def answer(
        self,
        address: str,
        *,
        acs: str,
        audience: str,
        before: Change | None = None,
        after: Change | None = None,
        sign: Change | None = None,
        key: bytes | None = None,
        **said: Any,
    ) -> tuple[str, str]:
        """Answer the request in an address of ours. Returns the form's SAMLResponse and RelayState.

        Args:
            before, after: change the tree before, or after, it is signed.
            sign: what signs, instead of a signature over the assertion.
            said: values of the response.
        """
        request, relay_state = request_in(address)
        tree = self._tree(request.get("ID"), acs, audience, said)
        if before:
            before(tree)
        (sign or (lambda root: signed(assertion(root), key or self.key)))(tree)
        whole = after(tree) if after else None
        tree = tree if whole is None else whole
        return base64.b64encode(etree.tostring(tree)).decode(), relay_state

    def _tree(self, request_id: str | None, acs: str, audience: str, said: dict[str, Any]) -> Any:
        now = datetime.now(UTC)
        values = said.pop("values", self.values)
        attributes = "".join(
            _ATTRIBUTE.format(name, "".join(map(_VALUE.format, items))) for name, items in values.items()
        )
        if attributes:
            attributes = f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>"
        facts = {
            "saml": SAML,
            "samlp": SAMLP,
            "acs": acs,
            "audience": audience,
            "request_id": request_id,
            "response_id": f"_{uuid7()}",
            "assertion_id": f"_{uuid7()}",
            "issuer": ENTITY_ID,
            "subject": "priya",
            "format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            "now": stamp(now),
            "since": stamp(now - timedelta(minutes=1)),
            "until": stamp(now + timedelta(minutes=5)),
            "context": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
            "attributes": attributes,
            **said,
        }
        return etree.fromstring(_RESPONSE.format(**facts).replace("\n", ""))


def request_in(address: str) -> tuple[Any, str]:
    """The AuthnRequest in an address that our site leads to, and its RelayState."""
    query = parse_qs(urlsplit(address).query)
    xml = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)
    return etree.fromstring(xml), query["RelayState"][0]


def assertion(tree: Any) -> Any:
    return next(tree.iter(f"{{{SAML}}}Assertion"))


def signed(node: Any, key: bytes, *, method: Any = xmlsec.Transform.RSA_SHA256) -> None:
    """Put an enveloped signature behind the issuer of a node."""
    signature = xmlsec.template.create(node, xmlsec.Transform.EXCL_C14N, method, ns="ds")
    node.insert(1, signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri="#" + node.get("ID"))
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    xmlsec.tree.add_ids(node, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key, xmlsec.KeyFormat.PEM)
    context.sign(signature)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
