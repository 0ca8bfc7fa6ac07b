"""A small real DNS server on loopback: answers TXT questions from a table, over UDP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingUDPServer
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class NameServer:
    """What it says.

    Attributes:
        records: texts by domain; a domain that is not there does not exist.
        silent: it answers nothing but "server failure".
        asked: every question, in order.
    """

    address: str = ""
    records: dict[str, list[str]] = field(default_factory=dict)
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        domain = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(f"{domain} {dns.rdatatype.to_text(question.rdtype)}")
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.silent:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif domain not in self.records:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[domain]:
            texts = [_quoted(text) for text in self.records[domain]]
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *texts))
        return response.to_wire()


def _quoted(text: str) -> str:
    """Long texts travel in pieces of at most 255 characters."""
    return " ".join(f'"{text[start : start + 20]}"' for start in range(0, len(text), 20))


@contextmanager
def name_server() -> Iterator[NameServer]:
    found = NameServer()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            socket.sendto(found.answer(data), self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        found.address = "{}:{}".format(*server.server_address)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
