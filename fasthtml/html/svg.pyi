# Written by tools/stubs.py. Do not edit.
"""SVG elements as Python functions: shapes, paths, transforms, and drawings that htmx can swap."""
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias
from typing import overload as form
from .element import FT
from collections.abc import Callable, Sequence
from typing import Any
from .element import FT, tag_factory
from .htmx import HtmxResponseHeaders
from .tags import ft_hx

__all__ = ['ClipPath', 'Defs', 'Desc', 'ForeignObject', 'G', 'Image', 'LinearGradient', 'Marker', 'Mask', 'Metadata', 'Pattern', 'RadialGradient', 'Stop', 'Switch', 'Symbol', 'TextPath', 'Title', 'Tspan', 'Use', 'View', 'Filter', 'g', 'Animate', 'AnimateMotion', 'AnimateTransform', 'Mpath', 'Set', 'FeBlend', 'FeColorMatrix', 'FeComponentTransfer', 'FeComposite', 'FeConvolveMatrix', 'FeDiffuseLighting', 'FeDisplacementMap', 'FeDistantLight', 'FeDropShadow', 'FeFlood', 'FeFuncA', 'FeFuncB', 'FeFuncG', 'FeFuncR', 'FeGaussianBlur', 'FeImage', 'FeMerge', 'FeMergeNode', 'FeMorphology', 'FeOffset', 'FePointLight', 'FeSpecularLighting', 'FeSpotLight', 'FeTile', 'FeTurbulence', 'svg_inb', 'ft_svg', 'Svg', 'Rect', 'Circle', 'Ellipse', 'Line', 'Polyline', 'Polygon', 'Text', 'PathFT', 'Path', 'transformd', 'SvgOob', 'SvgInb']

def ft_svg(tag: str, *c: Any, **kwargs: Any) -> FT:
    """Any SVG element"""
ClipPath: Any
Defs: Any
Desc: Any
ForeignObject: Any
G: Any
Image: Any
LinearGradient: Any
Marker: Any
Mask: Any
Metadata: Any
Pattern: Any
RadialGradient: Any
Stop: Any
Switch: Any
Symbol: Any
TextPath: Any
@form
def Title(*c: Any, _unpacked_: Any, **kw: Any) -> FT: ...
@form
def Title(*c: Any, id: str | int | bool | FT | None = None, cls: str | list[Any] | tuple[Any, ...] | set[str] | Mapping[str, Any] | None = None, title: str | None = None, style: str | Mapping[str, Any] | list[Any] | None = None, accesskey: str | None = None, autocapitalize: Literal['off', 'none', 'on', 'sentences', 'words', 'characters'] | bool | None = None, autofocus: bool | None = None, contenteditable: Literal['true', 'false', 'plaintext-only'] | bool | None = None, dir: Literal['ltr', 'rtl', 'auto'] | None = None, draggable: Literal['true', 'false'] | bool | None = None, enterkeyhint: Literal['enter', 'done', 'go', 'next', 'previous', 'search', 'send'] | None = None, hidden: Literal['until-found'] | bool | None = None, inert: bool | None = None, inputmode: Literal['none', 'text', 'tel', 'url', 'email', 'numeric', 'decimal', 'search'] | None = None, itemid: str | None = None, itemprop: str | None = None, itemref: str | None = None, itemscope: bool | None = None, itemtype: str | None = None, lang: str | None = None, nonce: str | None = None, part: str | list[Any] | tuple[Any, ...] | set[str] | Mapping[str, Any] | None = None, popover: Literal['auto', 'hint', 'manual'] | bool | None = None, role: str | None = None, slot: str | None = None, spellcheck: Literal['true', 'false'] | bool | None = None, tabindex: int | str | None = None, translate: Literal['yes', 'no'] | bool | None = None, target_id: str | FT | None = None, hx_get: Any = None, hx_post: Any = None, hx_put: Any = None, hx_delete: Any = None, hx_patch: Any = None, hx_trigger: str | list[str] | None = None, hx_target: str | FT | None = None, hx_swap: Literal['innerHTML', 'outerHTML', 'textContent', 'beforebegin', 'afterbegin', 'beforeend', 'afterend', 'delete', 'none', 'innerMorph', 'outerMorph', 'before', 'after', 'prepend', 'append', 'upsert', 'morph', 'morph:innerHTML', 'morph:outerHTML'] | str | None = None, hx_swap_oob: Literal['true'] | Literal['innerHTML', 'outerHTML', 'textContent', 'beforebegin', 'afterbegin', 'beforeend', 'afterend', 'delete', 'none', 'innerMorph', 'outerMorph', 'before', 'after', 'prepend', 'append', 'upsert', 'morph', 'morph:innerHTML', 'morph:outerHTML'] | str | bool | None = None, hx_include: str | FT | None = None, hx_select: str | FT | None = None, hx_select_oob: Any = None, hx_indicator: str | FT | None = None, hx_push_url: Literal['true', 'false'] | str | bool | None = None, hx_confirm: str | None = None, hx_disable: Any = None, hx_replace_url: Literal['true', 'false'] | str | bool | None = None, hx_vals: str | Mapping[str, Any] | None = None, hx_disabled_elt: Literal['this', 'next', 'previous'] | str | None = None, hx_ext: Any = None, hx_headers: str | Mapping[str, Any] | None = None, hx_history: Literal['true', 'false'] | str | bool | None = None, hx_history_elt: Any = None, hx_inherit: Any = None, hx_disinherit: Any = None, hx_params: Literal['*', 'none'] | str | None = None, hx_preserve: Literal['true'] | bool | str | None = None, hx_prompt: Any = None, hx_request: str | Mapping[str, Any] | None = None, hx_sync: Any = None, hx_validate: Literal['true', 'false'] | str | bool | None = None, hx_boost: Literal['true', 'false'] | str | bool | None = None, hx_encoding: Literal['multipart/form-data'] | str | None = None, hx_action: Any = None, hx_method: Any = None, hx_config: str | Mapping[str, Any] | None = None, hx_ignore: Any = None, hx_query: Any = None, hx_on_blur: str | None = None, hx_on_change: str | None = None, hx_on_contextmenu: str | None = None, hx_on_focus: str | None = None, hx_on_input: str | None = None, hx_on_invalid: str | None = None, hx_on_reset: str | None = None, hx_on_select: str | None = None, hx_on_submit: str | None = None, hx_on_keydown: str | None = None, hx_on_keypress: str | None = None, hx_on_keyup: str | None = None, hx_on_click: str | None = None, hx_on_dblclick: str | None = None, hx_on_mousedown: str | None = None, hx_on_mouseenter: str | None = None, hx_on_mouseleave: str | None = None, hx_on_mousemove: str | None = None, hx_on_mouseout: str | None = None, hx_on_mouseover: str | None = None, hx_on_mouseup: str | None = None, hx_on_wheel: str | None = None, hx_on__before_request: str | None = None, hx_on__after_request: str | None = None, hx_on__before_swap: str | None = None, hx_on__after_swap: str | None = None, hx_on__after_settle: str | None = None, hx_on__load: str | None = None, hx_on__confirm: str | None = None, hx_on__config_request: str | None = None, hx_on__response_error: str | None = None, hx_on__send_error: str | None = None, **kw: Any) -> FT:
    'Title of the document: `<title>`'
Tspan: Any
Use: Any
View: Any
Filter: Any
g: Any
Animate: Any
AnimateMotion: Any
AnimateTransform: Any
Mpath: Any
Set: Any
FeBlend: Any
FeColorMatrix: Any
FeComponentTransfer: Any
FeComposite: Any
FeConvolveMatrix: Any
FeDiffuseLighting: Any
FeDisplacementMap: Any
FeDistantLight: Any
FeDropShadow: Any
FeFlood: Any
FeFuncA: Any
FeFuncB: Any
FeFuncG: Any
FeFuncR: Any
FeGaussianBlur: Any
FeImage: Any
FeMerge: Any
FeMergeNode: Any
FeMorphology: Any
FeOffset: Any
FePointLight: Any
FeSpecularLighting: Any
FeSpotLight: Any
FeTile: Any
FeTurbulence: Any
def __getattr__(name: str) -> Callable[..., FT]:
    """An element that has no function of its own: `svg.Font_face` is `<font-face>`"""
def Svg(*args: Any, viewBox: str | Sequence[float] | None=None, h: Any=None, w: Any=None, height: Any=None, width: Any=None, xmlns: str | None='http://www.w3.org/2000/svg', **kwargs: Any) -> FT:
    """A drawing"""
def Rect(width: Any, height: Any, x: Any=0, y: Any=0, fill: Any=None, stroke: Any=None, stroke_width: Any=None, rx: Any=None, ry: Any=None, **kwargs: Any) -> FT:
    """A rectangle; `rx` and `ry` round its corners"""
def Circle(r: Any, cx: Any=0, cy: Any=0, fill: Any=None, stroke: Any=None, stroke_width: Any=None, **kwargs: Any) -> FT:
    """A circle of radius `r` around (`cx`, `cy`)"""
def Ellipse(rx: Any, ry: Any, cx: Any=0, cy: Any=0, fill: Any=None, stroke: Any=None, stroke_width: Any=None, **kwargs: Any) -> FT:
    """An ellipse with radii `rx`, `ry` around (`cx`, `cy`)"""
def Line(x1: Any, y1: Any, x2: Any=0, y2: Any=0, stroke: Any='black', w: Any=None, stroke_width: Any=1, **kwargs: Any) -> FT:
    """A line from (`x1`, `y1`) to (`x2`, `y2`); `w` is short for `stroke_width`"""
def Polyline(*args: Any, points: Any=None, fill: Any=None, stroke: Any=None, stroke_width: Any=None, **kwargs: Any) -> FT:
    """Lines from point to point: `Polyline((0,0), (10,5))` or `Polyline(points='0,0 10,5')`"""
def Polygon(*args: Any, points: Any=None, fill: Any=None, stroke: Any=None, stroke_width: Any=None, **kwargs: Any) -> FT:
    """An area with corners at these points"""
def Text(*args: Any, x: Any=0, y: Any=0, font_family: Any=None, font_size: Any=None, fill: Any=None, text_anchor: Any=None, dominant_baseline: Any=None, font_weight: Any=None, font_style: Any=None, text_decoration: Any=None, **kwargs: Any) -> FT:
    """Text in a drawing"""
class PathFT(FT):
    """A `<path>` whose strokes are added one by one"""

    def M(self, x: float, y: float) -> 'PathFT':
        """Move to"""

    def L(self, x: float, y: float) -> 'PathFT':
        """Line to"""

    def H(self, x: float) -> 'PathFT':
        """Horizontal line to"""

    def V(self, y: float) -> 'PathFT':
        """Vertical line to"""

    def Z(self) -> 'PathFT':
        """Close the path"""

    def C(self, x1: float, y1: float, x2: float, y2: float, x: float, y: float) -> 'PathFT':
        """Cubic curve to (`x`, `y`), drawn to the two points before"""

    def S(self, x2: float, y2: float, x: float, y: float) -> 'PathFT':
        """Cubic curve that goes on smoothly"""

    def Q(self, x1: float, y1: float, x: float, y: float) -> 'PathFT':
        """Quadratic curve"""

    def T(self, x: float, y: float) -> 'PathFT':
        """Quadratic curve that goes on smoothly"""

    def A(self, rx: float, ry: float, x_axis_rotation: float, large_arc_flag: bool, sweep_flag: bool, x: float, y: float) -> 'PathFT':
        """Arc of an ellipse"""
def Path(d: str='', fill: Any=None, stroke: Any=None, stroke_width: Any=None, **kwargs: Any) -> PathFT:
    """A path, from its text or stroke by stroke: `Path().M(0, 0).L(9, 9)`"""
def transformd(translate: float | Sequence[float] | None=None, scale: float | Sequence[float] | None=None, rotate: float | Sequence[float] | None=None, skewX: float | None=None, skewY: float | None=None, matrix: Sequence[float] | None=None) -> dict[str, str]:
    """The `transform` attribute, for `**`"""
svg_inb: HttpHeader
def SvgOob(*args: Any, **kwargs: Any) -> FT:
    """Shapes to be swapped out of band"""
def SvgInb(*args: Any, **kwargs: Any) -> tuple[FT, Any]:
    """Shapes as the main answer"""
