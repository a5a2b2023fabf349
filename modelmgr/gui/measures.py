"""How large the window and its panes are before anybody has changed them; all else is said in these terms."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_FIRST_SIZE = QSize(1360, 860)
_SIDE_WIDTH, MOST_SIDE_WIDTH = 202, 384
_PANEL_SHARE, _LEAST_PANEL_WIDTH = 0.38, 160
"""How much of the page's width the filters have at most when it is made smaller, and what they have at least."""
_DETAILS_LEAST, _DETAILS_WIDTH, _DETAILS_MOST = 260, 308, 500
_DETAILS_LEAST_MOST = 340
"""What they have at least is no more than this, however large the letters are."""
_DETAILS_SHARE = 0.34
"""How much of the window's width the details have at most when it is made smaller."""


def scaled(widget: QWidget, pixels: int) -> int:
    """Return a width that grows with the font of `widget`; `pixels` is right for letters six pixels wide."""
    return max(pixels, round(pixels * widget.fontMetrics().averageCharWidth() / 6))


def first_size(widget: QWidget) -> QSize:
    """Return how large the window is before anybody has changed it: no larger than the screen of `widget`."""
    return _FIRST_SIZE.boundedTo(widget.screen().availableSize())


def side_width(widget: QWidget) -> int:
    """Return how wide the list at the side of a page is before anybody has changed it, in pixels."""
    return min(scaled(widget, _SIDE_WIDTH), MOST_SIDE_WIDTH)


class Share:
    """How wide a pane at the side is: as the user made it, but no more than its share while the window is small.

    Args:
        share: of the whole width, from 0 to 1.
        least: what it has in any case, in pixels.
        wanted: what it has before anybody has moved it, in pixels.
    """

    def __init__(self, share: float, least: int, wanted: int) -> None:
        self._share = share
        self.least = least
        self._wanted = self._given = wanted

    def of(self, whole: int, width: int | None = None) -> int:
        """Return how wide it is to be, in pixels, of the `whole`; `width` is what it has now, if it is shown."""
        if width not in (None, self._given):
            # Somebody else has moved it since.
            self._wanted = width
        self._given = max(self.least, min(self._wanted, round(whole * self._share)))
        return self._given


def panel_share(page: QWidget) -> Share:
    """Return how wide the filters are beside the models of `page`."""
    return Share(_PANEL_SHARE, _LEAST_PANEL_WIDTH, side_width(page))


def details_share(window: QWidget) -> Share:
    """Return how wide the details are in `window`."""
    least = min(scaled(window, _DETAILS_LEAST), _DETAILS_LEAST_MOST)
    return Share(_DETAILS_SHARE, least, min(scaled(window, _DETAILS_WIDTH), _DETAILS_MOST))
