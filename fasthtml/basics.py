"The names of fasthtml.common, for programs that import them from here."
from . import common
from .common import *

__all__ = common.__all__
