"""Forms of the workspace's pages."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from agents.servers.files.contracts import MAX_FILE_BYTES, MAX_NAME_BYTES, MAX_PATH_CHARACTERS, MIB


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    widget = _ManyFiles

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":  # quoted: generic for mypy only
        return [super(_FilesField, self).clean(item, initial) for item in data or [None]]


class _InFolderForm(forms.Form):
    path = forms.CharField(widget=forms.HiddenInput, required=False, max_length=MAX_PATH_CHARACTERS)


class UploadForm(_InFolderForm):
    uploads = _FilesField(
        label=_("Files to upload"),
        help_text=format_lazy(_("At most {limit} MB each."), limit=MAX_FILE_BYTES // MIB),
        error_messages={"required": _("Choose at least one file.")},
        allow_empty_file=True,
        max_length=MAX_NAME_BYTES,
    )
    overwrite = forms.BooleanField(label=_("Replace files of the same name"), required=False)


class FolderForm(_InFolderForm):
    name = forms.CharField(label=_("Name of the new folder"), max_length=MAX_NAME_BYTES)
