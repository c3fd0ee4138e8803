//! docx-jinja
