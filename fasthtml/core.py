"Names that programs import from fasthtml.core, gathered from the rooms that own them."
from inspect import Parameter
from typing import TYPE_CHECKING

from . import __getattr__ as __getattr__  # any other name: `from fasthtml.core import FT` is usual
from .app.app import FastHTML, cors_allow
from .http.casts import parsed_date
from .html.element import fh_cfg, unqid
from .app.fastapp import serve
from .http.handlers import (Beforeware, MiddlewareBase, add_sig_param, cancel_on_disconnect, into, until_disconnect)
from .http.heads import (charset, def_hdrs, fhjsscr, htmx4src, htmxsrc, iframe_scr, scopesrc, surrsrc, viewport)
from .html.htmx import HtmxHeaders, HtmxResponseHeaders, HttpHeader, htmx_exts, htmx_hdrs, htmx_resps
from .realtime.lifecycle import signal_shutdown
from .realtime.lifespan import Lifespan
from .http.pages import noop_body
from .http.requests import DEF_MAXPART, Request, form2dict
from .http.responses import (ApiReturn, FtResponse, JSONResponse, Redirect, cookie, flat_tuple, flat_xt, is_full_page,
                        parse_form, respond, snake2hyphens)
from .http.paths import qp, reg_re_param
from .http.routers import APIRouter, RouteFuncs
from .http.routes import all_meths, decode_uri, nested_name, uri
from .http.routing import HostRoute
from .http.sessions import SessionMiddleware, get_key
from .realtime.sse import EventStream, sse_message
from .realtime.ws import setup_ws
from .starlette import StringConvertor
from .app.static import StaticImmutable, StaticNoCache, devtools_loc, vurl

if TYPE_CHECKING: from .testing.client import Client  # a class; at run time a function that imports it when it is called
else: from .app.app import Client

empty = Parameter.empty

__all__ = [
    'APIRouter', 'ApiReturn', 'Beforeware', 'Client', 'DEF_MAXPART', 'EventStream', 'FastHTML', 'FtResponse',
    'HostRoute', 'HtmxHeaders', 'HtmxResponseHeaders', 'HttpHeader', 'JSONResponse', 'Lifespan', 'MiddlewareBase',
    'Redirect', 'Request', 'RouteFuncs', 'SessionMiddleware', 'StaticImmutable', 'StaticNoCache', 'StringConvertor',
    'add_sig_param', 'all_meths', 'cancel_on_disconnect', 'charset', 'cookie', 'cors_allow', 'decode_uri', 'def_hdrs',
    'devtools_loc', 'empty', 'fh_cfg', 'fhjsscr', 'flat_tuple', 'flat_xt', 'form2dict', 'get_key', 'htmx4src',
    'htmx_exts', 'htmx_hdrs', 'htmx_resps', 'htmxsrc', 'iframe_scr', 'into', 'is_full_page', 'nested_name',
    'noop_body', 'parse_form', 'parsed_date', 'qp', 'reg_re_param', 'respond', 'scopesrc', 'serve', 'setup_ws',
    'signal_shutdown', 'snake2hyphens', 'sse_message', 'surrsrc', 'unqid', 'until_disconnect', 'uri', 'viewport', 'vurl',
]
