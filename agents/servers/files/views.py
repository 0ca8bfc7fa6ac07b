"""Pages of the workspace: thin doors to the same services as the tools."""

import os
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.servers.files import selectors, services
from agents.servers.files.contracts import Entry, Found, Listing, Text
from agents.servers.files.forms import FolderForm, UploadForm
from agents.servers.files.server import UNKNOWN_TYPE
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.markdown import render_markdown

_UNPROCESSABLE = 422
_MARKDOWN = (".md", ".markdown")
_ICONS = {".csv": "sheet", ".xlsx": "sheet", ".ods": "sheet", ".png": "image", ".jpg": "image", ".jpeg": "image"}


@require_safe
def browse(request: HttpRequest, slug: str, path: str = "") -> HttpResponse:
    """A folder, or what was found in it."""
    return render(request, "files/browse.html", _folder_page(request, slug, path))


@require_safe
def view(request: HttpRequest, slug: str, path: str) -> HttpResponse:
    """A file beside its folder."""
    text = selectors.file_read(path=path)
    page = _folder_page(request, slug, text.entry.path.rpartition("/")[0])
    return render(request, "files/view.html", {**page, **_preview(text), "current": text.entry.path})


@require_safe
def download(request: HttpRequest, slug: str, path: str) -> FileResponse:  # noqa: ARG001 - the scope is open already
    """The file itself. Never shown by the browser: whatever is in it, it does not run on this site."""
    entry, descriptor = selectors.file_open(path=path)
    response = FileResponse(
        os.fdopen(descriptor, "rb"), as_attachment=True, filename=entry.name, content_type=UNKNOWN_TYPE
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_POST
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _again(request, slug, upload_form=form)
    folder = form.cleaned_data["path"]
    for file in form.cleaned_data["uploads"]:
        target = f"{folder}/{file.name}" if folder else str(file.name)
        try:
            services.file_write(path=target, content=file.chunks(), overwrite=form.cleaned_data["overwrite"])
        except JarvisError as error:
            messages.error(request, f"{file.name}: {error}")
        else:
            messages.success(request, _("“%(name)s” was uploaded.") % {"name": file.name})
    return redirect(_folder_url(slug, folder))


@require_POST
def folder_new(request: HttpRequest, slug: str) -> HttpResponse:
    form = FolderForm(request.POST)
    if not form.is_valid():
        return _again(request, slug, folder_form=form)
    folder, name = form.cleaned_data["path"], form.cleaned_data["name"]
    try:
        made = services.folder_create(path=f"{folder}/{name}" if folder else name)
    except JarvisError as error:
        form.add_error("name", str(error))
        return _again(request, slug, folder_form=form)
    return redirect(_folder_url(slug, made.path))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, slug: str, path: str) -> HttpResponse:
    """Ask, then move to the trash."""
    if request.method == "POST":
        gone = services.entry_delete(path=path)
        messages.success(request, _("“%(path)s” was moved to the trash.") % {"path": gone})
        return redirect(_folder_url(slug, gone.rpartition("/")[0]))
    entry = selectors.entry_get(path=path)
    return render(request, "files/delete.html", {"entry": entry, "back": _entry_url(slug, entry), "slug": slug})


@require_safe
def trash(request: HttpRequest, slug: str) -> HttpResponse:
    kept = [
        {"path": kept.path, "since": kept.since, "url": reverse("files:restore", args=[slug, kept.path])}
        for kept in selectors.trash_list()
    ]
    return render(request, "files/trash.html", {"kept": kept, "slug": slug})


@require_POST
def restore(request: HttpRequest, slug: str, path: str) -> HttpResponse:
    try:
        entry = services.entry_restore(path=path)
    except JarvisError as error:
        messages.error(request, str(error))
        return redirect("files:trash", slug)
    messages.success(request, _("“%(path)s” is back.") % {"path": entry.path})
    return redirect(_folder_url(slug, entry.path.rpartition("/")[0]))


# What pages are made of ---------------------------------------------------------------------------------------------


def _again(request: HttpRequest, slug: str, **forms: Any) -> HttpResponse:
    """The folder again, with what was wrong in the form."""
    page = _folder_page(request, slug, request.POST.get("path", ""))
    return render(request, "files/browse.html", {**page, **forms}, status=_UNPROCESSABLE)


def _folder_page(request: HttpRequest, slug: str, path: str) -> dict[str, Any]:
    query = request.GET.get("q", "").strip()
    result = selectors.files_find(query=query, path=path) if query else selectors.folder_list(path=path)
    return {
        "slug": slug,
        "path": path,
        "query": query,
        "here": _folder_url(slug, path),
        "crumbs": _crumbs(slug, path),
        "title": path.rpartition("/")[2],
        "summary": _summary(result),
        "rows": _rows(slug, result),
        "truncated": result.truncated,
        "upload_form": UploadForm(initial={"path": path}, auto_id="upload_%s"),
        "folder_form": FolderForm(initial={"path": path}, auto_id="folder_%s"),
    }


def _rows(slug: str, result: Listing | Found) -> list[dict[str, Any]]:
    if isinstance(result, Found):
        return [_row(slug, match.entry, label=match.entry.path, note=match.match) for match in result.matches]
    return [_row(slug, entry, label=entry.name) for entry in result.entries]


def _row(slug: str, entry: Entry, *, label: str, note: str = "") -> dict[str, Any]:
    return {
        "entry": entry,
        "label": label,
        "note": note,
        "url": _entry_url(slug, entry),
        "icon": "folder" if entry.folder else _ICONS.get(os.path.splitext(entry.name)[1].lower(), "file"),  # noqa: PTH122
        "download": "" if entry.folder else reverse("files:download", args=[slug, entry.path]),
        "delete": reverse("files:delete", args=[slug, entry.path]),
    }


def _summary(result: Listing | Found) -> str:
    if isinstance(result, Found):
        count = len(result.matches)
        return ngettext("%(count)d file or folder found", "%(count)d files and folders found", count) % {"count": count}
    files = [entry for entry in result.entries if not entry.folder]
    folders = len(result.entries) - len(files)
    parts = [
        ngettext("%(count)d folder", "%(count)d folders", folders) % {"count": folders} if folders else "",
        ngettext("%(count)d file", "%(count)d files", len(files)) % {"count": len(files)} if files else "",
        str(filesizeformat(sum(entry.size for entry in files))) if files else "",
    ]
    return ", ".join(part for part in parts if part)


def _preview(text: Text) -> dict[str, Any]:
    entry = text.entry
    readable = not text.binary
    return {
        "entry": entry,
        "text": text,
        "html": render_markdown(text.content) if readable and entry.name.lower().endswith(_MARKDOWN) else "",
    }


def _crumbs(slug: str, path: str) -> list[dict[str, str]]:
    names = path.split("/") if path else []
    return [
        {"name": name, "url": _folder_url(slug, "/".join(names[:depth]))} for depth, name in enumerate(names, start=1)
    ]


def _folder_url(slug: str, path: str) -> str:
    return reverse("files:browse", args=[slug, path]) if path else reverse("files:root", args=[slug])


def _entry_url(slug: str, entry: Entry) -> str:
    return reverse("files:browse" if entry.folder else "files:view", args=[slug, entry.path])
