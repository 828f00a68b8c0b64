"Names that programs import from fasthtml.toaster."
from . import __getattr__ as __getattr__  # any other name of the library
from .app.toast import Toast, add_toast, js, render_toasts, setup_toasts, sk, tcid, toast_after, toast_css

__all__ = ['Toast', 'add_toast', 'js', 'render_toasts', 'setup_toasts', 'sk', 'tcid', 'toast_after', 'toast_css']
