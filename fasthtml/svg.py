"Old import path of `fasthtml.html.svg`. Written by tools/old_paths.py. Do not edit."
from .html import svg as _module
from .html.svg import (
    Animate, AnimateMotion, AnimateTransform, Circle, ClipPath, Defs, Desc, Ellipse, FeBlend, FeColorMatrix,
    FeComponentTransfer, FeComposite, FeConvolveMatrix, FeDiffuseLighting, FeDisplacementMap, FeDistantLight,
    FeDropShadow, FeFlood, FeFuncA, FeFuncB, FeFuncG, FeFuncR, FeGaussianBlur, FeImage, FeMerge, FeMergeNode,
    FeMorphology, FeOffset, FePointLight, FeSpecularLighting, FeSpotLight, FeTile, FeTurbulence, Filter, ForeignObject,
    G, Image, Line, LinearGradient, Marker, Mask, Metadata, Mpath, Path, PathFT, Pattern, Polygon, Polyline,
    RadialGradient, Rect, Set, Stop, Svg, SvgInb, SvgOob, Switch, Symbol, Text, TextPath, Title, Tspan, Use, View,
    ft_svg, g, svg_inb, transformd,
)

__all__ = [
    'Animate', 'AnimateMotion', 'AnimateTransform', 'Circle', 'ClipPath', 'Defs', 'Desc', 'Ellipse', 'FeBlend',
    'FeColorMatrix', 'FeComponentTransfer', 'FeComposite', 'FeConvolveMatrix', 'FeDiffuseLighting', 'FeDisplacementMap',
    'FeDistantLight', 'FeDropShadow', 'FeFlood', 'FeFuncA', 'FeFuncB', 'FeFuncG', 'FeFuncR', 'FeGaussianBlur',
    'FeImage', 'FeMerge', 'FeMergeNode', 'FeMorphology', 'FeOffset', 'FePointLight', 'FeSpecularLighting',
    'FeSpotLight', 'FeTile', 'FeTurbulence', 'Filter', 'ForeignObject', 'G', 'Image', 'Line', 'LinearGradient',
    'Marker', 'Mask', 'Metadata', 'Mpath', 'Path', 'PathFT', 'Pattern', 'Polygon', 'Polyline', 'RadialGradient', 'Rect',
    'Set', 'Stop', 'Svg', 'SvgInb', 'SvgOob', 'Switch', 'Symbol', 'Text', 'TextPath', 'Title', 'Tspan', 'Use', 'View',
    'ft_svg', 'g', 'svg_inb', 'transformd',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
