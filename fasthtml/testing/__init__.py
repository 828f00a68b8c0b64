"Test clients: `from fasthtml.testing import Client`."
from typing import TYPE_CHECKING, Any

from .calls import Html as Html, Response as Response, StillWaiting as StillWaiting
from .client import AsyncClient as AsyncClient, Client as Client, Closed as Closed, StreamEnded as StreamEnded
from .client import get_client as get_client, get_testclient as get_testclient
from .streams import Event as Event, htmx_headers as htmx_headers

if TYPE_CHECKING:
    from .dom import NeedsBrowser as NeedsBrowser
    from .fields import NotPossible as NotPossible
    from .page import AsyncPage as AsyncPage, Page as Page, PageElement as PageElement

# An app makes clients of itself; pages are loaded by the first who asks for them
_of_pages = {'NeedsBrowser': 'dom', 'NotPossible': 'fields', 'AsyncPage': 'page', 'Page': 'page', 'PageElement': 'page'}

def __getattr__(name: str) -> Any:
    if name not in _of_pages: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module
    return getattr(import_module(f'.{_of_pages[name]}', __name__), name)
