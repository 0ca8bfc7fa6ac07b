"""Static files of production: hashed names, also inside the imports of ES modules.

Without that a module imported by another would be loaded a second time under its plain name, and `live.js` would open a
second socket.
"""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedModuleStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True
