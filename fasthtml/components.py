"""Every HTML element, and what works on elements, for programs that import them from here.

Any other capitalised name is an element too (`SlButton`); the element model (`FT`, `to_xml`) can be named, the star leaves it out.
"""
from typing import TYPE_CHECKING, Any

from .html.element import (attrmap_x, named)
from .html.element import FT as FT, NotStr as NotStr, Safe as Safe, attrmap as attrmap, fh_cfg as fh_cfg, ft as ft
from .html.element import unqid as unqid, valmap as valmap, voids as voids
from .html.htmx import (evt_attrs, hx_attrs, hx_attrs_4only, hx_attrs_annotations, hx_evt_attrs, hx_evts, hx_evts_4only,
                   js_evt_attrs, js_evts)
from .html.tags import __getattr__ as _element
from .html.tags import (A, Abbr, Address, Area, Article, Aside, Audio, B, Base, Bdi, Bdo, Big, Blockquote, Body, Br,
                   Button, Canvas, Caption, Center, Cite, Code, Col, Colgroup, Data, Datalist, Dd, Del, Details, Dfn,
                   Dialog, Div, Dl, Dt, Em, Embed, Fencedframe, Fieldset, Figcaption, Figure, File, Font, Footer,
                   Form, H1, H2, H3, H4, H5, H6, Head, Header, Hgroup, Hr, Html, HxPartial, I, Iframe, Img, Input,
                   Ins, Kbd, Label, Legend, Li, Link, Main, Map, Mark, Math, Menu, Meta, Meter, Nav, Noscript, Object,
                   Ol, Optgroup, Option, Output, P, Param, Picture, PortalExperimental, Pre, Progress, Q, Rb, Rp, Rt,
                   Rtc, Ruby, S, Samp, Script, Search, Section, Select, Selectedcontent, Slot, Small, Source, Span,
                   Strike, Strong, Style, Sub, Summary, Sup, Svg, Table, Tbody, Td, Template, Textarea, Tfoot, Th,
                   Thead, Time, Title, Tr, Track, Tt, U, Ul, Var, Video, Wbr, ft_html, ft_hx, html_attrs, show)
from .html.forms import errors_left, fill_dataclass, fill_form, find_inputs, mark_errors
from .html.html2ft import html2ft
from .html.render import dict2xml as dict2xml, highlight as highlight, showtags as showtags, to_xml as to_xml

if TYPE_CHECKING:
    from .realtime.sse import sse_message

__all__ = [
    'A', 'Abbr', 'Address', 'Area', 'Article', 'Aside', 'Audio', 'B', 'Base', 'Bdi', 'Bdo', 'Big', 'Blockquote',
    'Body', 'Br', 'Button', 'Canvas', 'Caption', 'Center', 'Cite', 'Code', 'Col', 'Colgroup', 'Data', 'Datalist',
    'Dd', 'Del', 'Details', 'Dfn', 'Dialog', 'Div', 'Dl', 'Dt', 'Em', 'Embed', 'Fencedframe', 'Fieldset',
    'Figcaption', 'Figure', 'File', 'Font', 'Footer', 'Form', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'Head', 'Header',
    'Hgroup', 'Hr', 'Html', 'HxPartial', 'I', 'Iframe', 'Img', 'Input', 'Ins', 'Kbd', 'Label', 'Legend', 'Li',
    'Link', 'Main', 'Map', 'Mark', 'Math', 'Menu', 'Meta', 'Meter', 'Nav', 'Noscript', 'Object', 'Ol', 'Optgroup',
    'Option', 'Output', 'P', 'Param', 'Picture', 'PortalExperimental', 'Pre', 'Progress', 'Q', 'Rb', 'Rp', 'Rt',
    'Rtc', 'Ruby', 'S', 'Samp', 'Script', 'Search', 'Section', 'Select', 'Selectedcontent', 'Slot', 'Small',
    'Source', 'Span', 'Strike', 'Strong', 'Style', 'Sub', 'Summary', 'Sup', 'Svg', 'Table', 'Tbody', 'Td',
    'Template', 'Textarea', 'Tfoot', 'Th', 'Thead', 'Time', 'Title', 'Tr', 'Track', 'Tt', 'U', 'Ul', 'Var', 'Video',
    'Wbr', 'attrmap_x', 'errors_left', 'evt_attrs', 'fill_dataclass', 'fill_form', 'find_inputs', 'ft_html', 'ft_hx', 'html2ft',
    'html_attrs', 'hx_attrs', 'hx_attrs_4only', 'hx_attrs_annotations', 'hx_evt_attrs', 'hx_evts', 'hx_evts_4only',
    'js_evt_attrs', 'js_evts', 'mark_errors', 'named', 'show', 'sse_message',
]


def __getattr__(name: str) -> Any:
    "`sse_message`, which lives a floor higher, or the element of that name"
    if name == 'sse_message':
        from .realtime.sse import sse_message
        return sse_message
    if name.startswith('_'): raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return _element(name)
