"""The pages of uploaded files: the check, the preview, the import and the error workbook."""

from portal.uploads import upload_pages

BLUEPRINTS = (upload_pages.pages,)
