"Names that programs import from fasthtml.toaster."
from .app.toast import Toast, add_toast, js, render_toasts, setup_toasts, sk, tcid, toast_after, toast_css

__all__ = ['Toast', 'add_toast', 'js', 'render_toasts', 'setup_toasts', 'sk', 'tcid', 'toast_after', 'toast_css']
