"""Our own pages and endpoints. The only room that knows jinja2 and that makes responses of errors."""
