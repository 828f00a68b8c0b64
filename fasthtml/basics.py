"The names of fasthtml.common, for programs that import them from here."
from . import __getattr__ as __getattr__  # any other name of the library
from . import common
from .common import *

__all__ = common.__all__
