"Names that programs import from fasthtml.authmw."
from .app.auth import BasicAuthMiddleware, auth_hdrs, basic_logout, user_pwd_auth

__all__ = ['BasicAuthMiddleware', 'auth_hdrs', 'basic_logout', 'user_pwd_auth']
