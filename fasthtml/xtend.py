"Composed tags, scripts and what search engines read, for programs that import them from here."
from typing import TYPE_CHECKING, Any

from . import __getattr__ as _any_name
from .html.composed import (A, AX, CheckboxX, Favicon, Form, Hidden, Nbsp, Script, ScriptX, Style, StyleX, Titled,
                       YouTubeEmbed, asset_tag, clear, double_braces, jsd, loose_format, replace_css_vars,
                       undouble_braces, upload_pb_attrs)
from .html.element import Fragment
from .html.js import (AnyNow, HtmxOn, Now, On, Prev, Surreal, run_js, sid_scr, with_sid)

if TYPE_CHECKING:
    from .http.seo import (LdContactPoint, LdCourse, LdCourseInstance, LdJson, LdOrg, LdWebsite, Socials, robots_txt,
                      sitemap_url, sitemap_xml)

_seo = ('LdContactPoint', 'LdCourse', 'LdCourseInstance', 'LdJson', 'LdOrg', 'LdWebsite', 'Socials', 'robots_txt',
        'sitemap_url', 'sitemap_xml')
__all__ = [
    'A', 'AX', 'AnyNow', 'CheckboxX', 'Favicon', 'Form', 'Fragment', 'Hidden', 'HtmxOn', 'LdContactPoint',
    'LdCourse', 'LdCourseInstance', 'LdJson', 'LdOrg', 'LdWebsite', 'Nbsp', 'Now', 'On', 'Prev', 'Script',
    'ScriptX', 'Socials', 'Style', 'StyleX', 'Surreal', 'Titled', 'YouTubeEmbed', 'asset_tag', 'clear',
    'double_braces', 'jsd', 'loose_format', 'replace_css_vars', 'robots_txt', 'run_js', 'sid_scr', 'sitemap_url',
    'sitemap_xml', 'undouble_braces', 'upload_pb_attrs', 'with_sid',
]


def __getattr__(name: str) -> Any:
    "What `seo` has, which needs a server's responses, or any other name of the library, when it is asked for"
    if name in _seo:
        from .http import seo
        return getattr(seo, name)
    return _any_name(name)
