"The element model with every tag, plain and composed: `from fasthtml.ft import *` gives all that makes HTML, and no server."
from .html.element import (FT, Fragment, NotStr, Safe, attrmap, fh_cfg, ft, tag_factory, to_html, valmap, voids)
from .html.render import (dict2xml, highlight, showtags, to_xml)
from .html.tags import __getattr__ as __getattr__
from .html.tags import (Abbr, Address, Area, Article, Aside, Audio, B, Base, Bdi, Bdo, Big, Blockquote, Body, Br, Button,
                   Canvas, Caption, Center, Cite, Code, Col, Colgroup, Data, Datalist, Dd, Del, Details, Dfn, Dialog,
                   Div, Dl, Dt, Em, Embed, Fencedframe, Fieldset, Figcaption, Figure, File, Font, Footer, H1, H2, H3,
                   H4, H5, H6, Head, Header, Hgroup, Hr, Html, HxPartial, I, Iframe, Img, Input, Ins, Kbd, Label,
                   Legend, Li, Link, Main, Map, Mark, Math, Menu, Meta, Meter, Nav, Noscript, Object, Ol, Optgroup,
                   Option, Output, P, Param, Picture, PortalExperimental, Pre, Progress, Q, Rb, Rp, Rt, Rtc, Ruby, S,
                   Samp, Search, Section, Select, Selectedcontent, Slot, Small, Source, Span, Strike, Strong, Sub,
                   Summary, Sup, Svg, Table, Tbody, Td, Template, Textarea, Tfoot, Th, Thead, Time, Title, Tr, Track,
                   Tt, U, Ul, Var, Video, Wbr, ft_html, ft_hx, html_attrs, mk_getattr, show)
from .html.composed import (A, AX, CheckboxX, Favicon, Form, Hidden, Nbsp, Script, ScriptX, Style, StyleX, Titled,
                       YouTubeEmbed, asset_tag, clear, double_braces, jsd, loose_format, replace_css_vars,
                       undouble_braces, upload_pb_attrs)
from .html.forms import (fill_dataclass, fill_form, find_inputs, mark_errors)
from .html.html2ft import html2ft

__all__ = [
    'A', 'AX', 'Abbr', 'Address', 'Area', 'Article', 'Aside', 'Audio', 'B', 'Base', 'Bdi', 'Bdo', 'Big',
    'Blockquote', 'Body', 'Br', 'Button', 'Canvas', 'Caption', 'Center', 'CheckboxX', 'Cite', 'Code', 'Col',
    'Colgroup', 'Data', 'Datalist', 'Dd', 'Del', 'Details', 'Dfn', 'Dialog', 'Div', 'Dl', 'Dt', 'Em', 'Embed', 'FT',
    'Favicon', 'Fencedframe', 'Fieldset', 'Figcaption', 'Figure', 'File', 'Font', 'Footer', 'Form', 'Fragment',
    'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'Head', 'Header', 'Hgroup', 'Hidden', 'Hr', 'Html', 'HxPartial', 'I',
    'Iframe', 'Img', 'Input', 'Ins', 'Kbd', 'Label', 'Legend', 'Li', 'Link', 'Main', 'Map', 'Mark', 'Math', 'Menu',
    'Meta', 'Meter', 'Nav', 'Nbsp', 'Noscript', 'NotStr', 'Object', 'Ol', 'Optgroup', 'Option', 'Output', 'P',
    'Param', 'Picture', 'PortalExperimental', 'Pre', 'Progress', 'Q', 'Rb', 'Rp', 'Rt', 'Rtc', 'Ruby', 'S', 'Safe',
    'Samp', 'Script', 'ScriptX', 'Search', 'Section', 'Select', 'Selectedcontent', 'Slot', 'Small', 'Source',
    'Span', 'Strike', 'Strong', 'Style', 'StyleX', 'Sub', 'Summary', 'Sup', 'Svg', 'Table', 'Tbody', 'Td',
    'Template', 'Textarea', 'Tfoot', 'Th', 'Thead', 'Time', 'Title', 'Titled', 'Tr', 'Track', 'Tt', 'U', 'Ul',
    'Var', 'Video', 'Wbr', 'YouTubeEmbed', 'asset_tag', 'attrmap', 'clear', 'dict2xml', 'double_braces', 'fh_cfg',
    'fill_dataclass', 'fill_form', 'find_inputs', 'ft', 'ft_html', 'ft_hx', 'highlight', 'html2ft', 'html_attrs',
    'jsd', 'loose_format', 'mark_errors', 'mk_getattr', 'replace_css_vars', 'show', 'showtags', 'tag_factory',
    'to_html', 'to_xml', 'undouble_braces', 'upload_pb_attrs', 'valmap', 'voids',
]

vars(ft).update({name: globals()[name] for name in __all__})   # `from fasthtml import ft` and then `ft.Ul(...)`, as in FastHTML
