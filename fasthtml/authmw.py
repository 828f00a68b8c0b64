"Names that programs import from fasthtml.authmw."
from .auth import BasicAuthMiddleware, auth_hdrs, basic_logout, user_pwd_auth

__all__ = ['BasicAuthMiddleware', 'auth_hdrs', 'basic_logout', 'user_pwd_auth']
