"Names that programs import from fasthtml.authmw."
from . import __getattr__ as __getattr__  # any other name of the library
from .app.auth import BasicAuthMiddleware, auth_hdrs, basic_logout, user_pwd_auth

__all__ = ['BasicAuthMiddleware', 'auth_hdrs', 'basic_logout', 'user_pwd_auth']
