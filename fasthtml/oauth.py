"Old import path of `fasthtml.app.oauth`. Written by tools/old_paths.py. Do not edit."
from .app import oauth as _module
from .app.oauth import (
    AppleAppClient, Auth0AppClient, DiscordAppClient, GitHubAppClient, GoogleAppClient, HuggingFaceClient, Info, Login,
    LoginPages, OAuth, OAuthError, OpenIDClient, PostedAnswer, WebClient, apple_user, finish_login, get_host,
    http_patterns, is_ident, live_grants, load_creds, log, realm_of, redir_url, start_login, told, url_match,
    wanted_page,
)

__all__ = [
    'AppleAppClient', 'Auth0AppClient', 'DiscordAppClient', 'GitHubAppClient', 'GoogleAppClient', 'HuggingFaceClient',
    'Info', 'Login', 'LoginPages', 'OAuth', 'OAuthError', 'OpenIDClient', 'PostedAnswer', 'WebClient', 'apple_user',
    'finish_login', 'get_host', 'http_patterns', 'is_ident', 'live_grants', 'load_creds', 'log', 'realm_of',
    'redir_url', 'start_login', 'told', 'url_match', 'wanted_page',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
