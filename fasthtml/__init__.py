"""Hypermedia apps in pure Python. Names load when they are first asked for."""
__version__ = '0.1.0'

import sys
from types import ModuleType
from typing import Any

_light = tuple(f'html.{name}' for name in ('element', 'render', 'htmx', 'composed', 'tags', 'forms'))  # no web server needed


def __getattr__(name: str) -> Any:
    "A public name of the library: from a module that is quick to import, else from `fasthtml.common`"
    if name.startswith('_') and name != '__all__': raise AttributeError(f"module 'fasthtml' has no attribute {name!r}")
    from importlib import import_module
    if name == '__all__': return import_module('fasthtml.core').__all__   # `from fasthtml import *` asks for it
    from importlib.machinery import PathFinder
    if PathFinder.find_spec(f'fasthtml.{name}', __path__): return import_module(f'fasthtml.{name}')   # `from fasthtml import svg`
    for name_of_module in (*_light, 'common'):
        module = import_module(f'fasthtml.{name_of_module}')
        if name in module.__all__: return getattr(module, name)
    if _WithoutLayer.find_spec(f'fasthtml.{name}'): return import_module(f'fasthtml.{name}')
    from .http.hints import moved_error
    raise moved_error(name, sys._getframe(1)) or AttributeError(f"module 'fasthtml' has no attribute {name!r}")


class _Package(ModuleType):
    "`from fasthtml import ft` is the function, whether or not the module of that name was imported before; `html2ft` likewise"
    @property
    def ft(self) -> Any:
        from importlib import import_module
        return import_module('fasthtml.ft').ft

    @ft.setter
    def ft(self, module: ModuleType) -> None: pass   # Python sets it when the module has been imported

    @property
    def html2ft(self) -> Any:
        from importlib import import_module
        return import_module('fasthtml.html.html2ft').html2ft

    @html2ft.setter
    def html2ft(self, module: ModuleType) -> None: pass


sys.modules[__name__].__class__ = _Package


class _WithoutLayer:
    "`import fasthtml.params` is `fasthtml.http.params`: the layer of a module may be left out, as it was before there were layers"
    layers = 'html', 'http', 'realtime', 'app', 'testing', 'workshop'

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        package, _, module = name.rpartition('.')
        if package != __name__ or module.startswith('_'): return None
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec
        for layer in cls.layers:
            if module != layer and find_spec(f'{package}.{layer}.{module}'): return ModuleSpec(name, cls, origin=f'{package}.{layer}.{module}')

    @staticmethod
    def create_module(spec: Any) -> ModuleType:
        "The very same module, so that its names are the same objects under both paths"
        from importlib import import_module
        module = import_module(spec.origin)
        spec.loader_state = module.__spec__   # the machinery of imports is about to replace it
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        module.__spec__ = module.__spec__.loader_state


sys.meta_path.append(_WithoutLayer)   # asked last, and only about what no file of this package answers


def _same_folder() -> list[str]:
    "Installed copies of python-fasthtml, whose files land in our folder"
    import os
    found = []
    for place in {p for p in sys.path if p.endswith(('site-packages', 'dist-packages'))}:
        try: found += [e.path for e in os.scandir(place) if e.name.startswith('python_fasthtml-')]
        except OSError: continue
    return found


if _same_folder():
    import warnings
    warnings.warn("The packages 'fasthtml' and 'python-fasthtml' are both installed and share one folder, so their files may be mixed. "
                  "Run `pip uninstall python-fasthtml` and then `pip install --force-reinstall --no-deps fasthtml`; install component "
                  "libraries that depend on python-fasthtml with `--no-deps`.", stacklevel=2)
