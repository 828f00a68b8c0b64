"The app and what comes with it: `from fasthtml.app import FastHTML`."
from .app import FastHTML as FastHTML, cors_allow as cors_allow
