"""The workspace's pages, as browsers use them."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from agents.servers.files import services
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast

pytestmark = pytest.mark.django_db
HTML = b"<script>alert(1)</script>"


@pytest.fixture
def folder(cast: Cast, settings: Settings, tmp_path: Path) -> Path:
    settings.WORKSPACE_DIR = tmp_path
    return tmp_path / str(cast.halden.id)


@pytest.fixture
def priya(cast: Cast, folder: Path) -> Client:
    return cast.priya.client()


def address(cast: Cast, rest: str = "") -> str:
    return f"/o/{cast.halden.slug}/files/{rest}"


def write(cast: Cast, path: str, content: bytes) -> None:
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        services.file_write(path=path, content=[content])


def test_an_empty_workspace_says_what_to_do(cast: Cast, priya: Client) -> None:
    page = priya.get(address(cast))
    assert page.status_code == 200
    assert "Nothing here yet" in page.text


def test_files_are_uploaded_listed_and_downloaded_unchanged(cast: Cast, priya: Client, folder: Path) -> None:
    files = [SimpleUploadedFile("page.html", HTML), SimpleUploadedFile("empty.txt", b"")]
    answer = priya.post(address(cast, "upload/"), {"path": "in/box", "uploads": files}, follow=True)
    assert answer.redirect_chain == [(address(cast, "in/in/box"), 302)]
    assert "page.html" in answer.text
    assert (folder / "in/box/page.html").read_bytes() == HTML
    file = priya.get(address(cast, "download/in/box/page.html"))
    assert b"".join(file) == HTML
    assert file.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    file.close()


def test_an_upload_does_not_replace_unless_told(cast: Cast, priya: Client, folder: Path) -> None:
    write(cast, "a.txt", b"old")
    new = {"uploads": [SimpleUploadedFile("a.txt", b"new")]}
    assert "already exists" in priya.post(address(cast, "upload/"), new, follow=True).text
    assert (folder / "a.txt").read_bytes() == b"old"
    new = {"uploads": [SimpleUploadedFile("a.txt", b"new")], "overwrite": "on"}
    priya.post(address(cast, "upload/"), new)
    assert (folder / "a.txt").read_bytes() == b"new"


def test_an_upload_without_a_file_says_so_beside_the_field(cast: Cast, priya: Client) -> None:
    answer = priya.post(address(cast, "upload/"), {"path": ""})
    assert answer.status_code == 422
    assert "Choose at least one file." in answer.text


def test_text_is_shown_as_text_and_markdown_without_script(cast: Cast, priya: Client) -> None:
    write(cast, "page.html", HTML)
    write(cast, "notes/plan.md", b"# The plan\n\n" + HTML + b"\n\n![x](https://evil.example/x.png)")
    shown = priya.get(address(cast, "view/page.html")).text
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    shown = priya.get(address(cast, "view/notes/plan.md")).text
    assert "<h2>The plan</h2>" in shown
    assert "<script>alert" not in shown
    assert "<img" not in shown


def test_what_is_not_text_is_offered_for_download(cast: Cast, priya: Client) -> None:
    write(cast, "photo.png", b"\x89PNG\x00\xff")
    assert "This file is not text" in priya.get(address(cast, "view/photo.png")).text


def test_search_shows_the_line(cast: Cast, priya: Client) -> None:
    write(cast, "notes/plan.md", b"Call Raj about the <budget>\n")
    found = priya.get(address(cast), {"q": "raj"}).text
    assert "notes/plan.md" in found
    assert "Call Raj about the &lt;budget&gt;" in found
    assert "Nothing found" in priya.get(address(cast), {"q": "zebra"}).text


def test_names_with_odd_characters_have_working_addresses(cast: Cast, priya: Client) -> None:
    write(cast, "50% off? #1 <b>&.txt", b"odd")
    page = priya.get(address(cast)).text
    assert "view/50%25%20off%3F%20%231%20%3Cb%3E&amp;.txt" in page
    assert priya.get(address(cast, "view/50%25%20off%3F%20%231%20%3Cb%3E&.txt")).status_code == 200


def test_deleting_asks_first_and_can_be_taken_back(cast: Cast, priya: Client, folder: Path) -> None:
    write(cast, "notes/plan.md", b"x")
    assert "Delete plan.md?" in priya.get(address(cast, "delete/notes/plan.md")).text
    assert (folder / "notes/plan.md").exists()
    answer = priya.post(address(cast, "delete/notes/plan.md"), follow=True)
    assert answer.redirect_chain == [(address(cast, "in/notes"), 302)]
    assert not (folder / "notes/plan.md").exists()
    assert "notes/plan.md" in priya.get(address(cast, "trash/")).text
    assert priya.post(address(cast, "restore/notes/plan.md"), follow=True).status_code == 200
    assert (folder / "notes/plan.md").read_bytes() == b"x"
    assert "The trash is empty" in priya.get(address(cast, "trash/")).text


def test_a_folder_is_made_and_a_bad_name_explained(cast: Cast, priya: Client, folder: Path) -> None:
    priya.post(address(cast, "folder/"), {"path": "", "name": "Clients"})
    assert (folder / "Clients").is_dir()
    answer = priya.post(address(cast, "folder/"), {"path": "", "name": "../x"})
    assert answer.status_code == 422
    assert "Names cannot begin with a dot" in answer.text


@pytest.mark.parametrize("rest", ["in/missing", "view/missing.txt", "download/missing.txt", "delete/missing.txt"])
def test_what_is_missing_is_404(cast: Cast, priya: Client, rest: str) -> None:
    assert priya.get(address(cast, rest)).status_code == 404


@pytest.mark.parametrize("rest", ["in/..%2F..", "view/..%2Fsecret", "download/%2Fetc%2Fpasswd", "view/.trash%2Fx"])
def test_an_unsafe_path_is_400(cast: Cast, priya: Client, rest: str) -> None:
    assert priya.get(address(cast, rest)).status_code == 400


def test_a_stranger_gets_404_everywhere(cast: Cast, priya: Client, folder: Path) -> None:
    write(cast, "a.txt", b"Halden's")
    ines = cast.ines.client()
    for rest in ("", "view/a.txt", "download/a.txt", "delete/a.txt", "trash/"):
        assert ines.get(address(cast, rest)).status_code == 404
    assert ines.post(address(cast, "delete/a.txt")).status_code == 404
    assert (folder / "a.txt").exists()
