"""The style sheet of the window and its dialogs: flat, quiet, and made of the palette."""

from PySide6.QtGui import QColor, QFont, QFontMetrics, QPalette

from modelmgr.gui.theme import MARK_CONTRAST, XL, XS, Colors, M, S, grown, mix, readable
from modelmgr.resources import resource_path

_OWN_PX = 3
"""What Qt leaves free beside the words of a cell besides; headers leave none."""


def tool_bar_height(font: QFont) -> int:
    """Return how high a tool bar with buttons and a field is by the sheet, in pixels."""
    line = QFontMetrics(font).height()
    field, button = max(20, line + 2) + 2 * XS + 2, line + 2 * XS + 6
    return max(field, button) + 2 * S + 8


def style_sheet(palette: QPalette, font: QFont) -> str:
    """Return the style sheet of a top-level window."""
    c = Colors.of(palette)
    size = font.pointSizeF() if font.pointSizeF() > 0 else font.pixelSize() * 0.75

    def pt(scale: float) -> str:
        return f"{size * scale:.2f}pt"

    def rgb(color: QColor) -> str:
        return color.name()

    button = mix(c.window, c.base, 0.6)
    # What a sheet calls the least height is the least there is, whatever the letters need.
    line = QFontMetrics(font).height()
    button_line, field_line, tall_line = max(18, line), max(20, line), max(28, line + S)
    small, box = grown(14, font), grown(13, font)
    knob = 2 * (grown(14, font) // 2)
    primary_edge = readable(c.accent, c.window, c.base, ratio=MARK_CONTRAST)
    # Of a grey that shows on every ground, for a sheet cannot tint it.
    arrow = resource_path("icons", "chevron-down-grey.svg").as_posix()
    return f"""
    QToolBar {{ border: 0; border-bottom: 1px solid {rgb(c.line)}; spacing: {S}px; padding: {S}px {M}px;
        background: {rgb(c.window)}; }}
    QStatusBar {{ border-top: 1px solid {rgb(c.line)}; background: {rgb(c.window)}; }}
    QStatusBar::item {{ border: 0; }}
    QStatusBar QToolButton {{ padding: 2px {XS}px; }}
    QMainWindow::separator {{ background: {rgb(c.line)}; width: 1px; height: 1px; }}
    QMainWindow::separator:hover {{ background: {rgb(c.accent)}; }}
    QSplitter::handle {{ background: {rgb(c.line)}; }}
    QSplitter::handle:hover {{ background: {rgb(c.accent)}; }}
    QSplitter[role="gap"]::handle {{ background: transparent; }}
    QMenuBar {{ background: {rgb(c.window)}; }}
    QMenuBar::item {{ padding: {XS}px {S}px; background: transparent; border-radius: 4px; }}
    QMenuBar::item:selected {{ background: {rgb(c.hover)}; }}
    QMenuBar::item:pressed {{ background: {rgb(c.accent)}; color: {rgb(c.accent_text)}; }}

    QHeaderView {{ background: {rgb(c.base)}; border: 0; }}
    QHeaderView::section {{ background: {rgb(c.base)}; color: {rgb(c.secondary)}; border: 0;
        border-bottom: 1px solid {rgb(c.line)}; padding: {XS}px {S}px; font-size: {pt(0.92)}; }}
    QHeaderView::section:hover {{ background: {rgb(c.hover)}; color: {rgb(c.text)}; }}
    QTableView, QTreeView, QListView {{ border: 0; background: {rgb(c.base)}; color: {rgb(c.text)};
        selection-background-color: {rgb(c.accent)}; selection-color: {rgb(c.accent_text)}; outline: 0; }}
    QTreeView[soft="true"] {{ selection-background-color: {rgb(c.chosen)}; selection-color: {rgb(c.text)}; }}
    QTableView[framed="true"], QTreeView[framed="true"], QListView[framed="true"],
    QPlainTextEdit[framed="true"], QTextEdit[framed="true"] {{ border: 1px solid {rgb(c.line)};
        border-radius: 6px; }}
    QTableView[framed="true"]::item {{ padding: 0 {S - _OWN_PX}px; }}
    QTreeView[framed="true"]::item {{ padding: 3px {S - _OWN_PX}px; }}
    QListView[framed="true"]::item {{ padding: {XS}px {S}px; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QTableCornerButton::section {{ background: {rgb(c.base)}; border: 0; }}

    QLineEdit, QSpinBox, QDoubleSpinBox {{ border: 1px solid {rgb(c.edge)}; border-radius: 6px;
        padding: {XS}px {S}px; background: {rgb(c.base)}; color: {rgb(c.text)}; min-height: {field_line}px;
        selection-background-color: {rgb(c.accent)}; selection-color: {rgb(c.accent_text)}; }}
    QCheckBox::indicator, QRadioButton::indicator {{ width: {box}px; height: {box}px; }}
    QLineEdit, QPlainTextEdit {{ placeholder-text-color: {rgb(c.hint)}; }}
    QComboBox {{ border: 1px solid {rgb(c.edge)}; border-radius: 6px; padding: {XS}px {S}px;
        background: {rgb(button)}; color: {rgb(c.text)}; min-height: {field_line}px; }}
    QComboBox:editable {{ background: {rgb(c.base)}; padding: 0 0 0 {XS}px; min-height: {tall_line}px; }}
    QComboBox[role="list"] {{ combobox-popup: 0; }}
    QComboBox QAbstractItemView {{ border: 1px solid {rgb(c.edge)}; }}
    QComboBox:hover {{ border-color: {rgb(c.secondary)}; }}
    QComboBox:disabled {{ color: {rgb(c.absent)}; border-color: {rgb(c.line)}; }}
    QComboBox::drop-down {{ border: 0; width: {XL}px; }}
    QComboBox::down-arrow {{ image: url("{arrow}"); width: {small}px; height: {small}px; }}
    QComboBox QLineEdit {{ border: 0; padding: 0; min-height: 0; background: transparent; }}
    QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit[framed="true"]:focus
        {{ border-color: {rgb(c.accent_on_base)}; }}
    QSpinBox, QDoubleSpinBox {{ padding: 0; min-height: {tall_line}px; }}
    QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button
        {{ width: 0; border: 0; }}
    QSpinBox QLineEdit, QDoubleSpinBox QLineEdit {{ border: 0; padding: 0; min-height: 0; background: transparent; }}
    QAbstractItemView QLineEdit {{ border-radius: 0; padding: 0 {XS}px; min-height: 0; }}
    QLineEdit[role="find"] {{ padding: 1px {S}px; min-height: 18px; margin: 2px {XS}px;
        border-radius: 6px; font-size: {pt(0.92)}; }}
    QFrame[role="popup"] {{ background: {rgb(c.base)}; border: 1px solid {rgb(c.edge)}; border-radius: 8px; }}
    QFrame[role="popup"] QListView {{ background: transparent; }}
    QFrame[role="line"] {{ background: {rgb(c.line)}; border: 0; }}
    #completions {{ border: 1px solid {rgb(c.edge)}; padding: {XS}px 0; }}
    #commandPalette {{ background: {rgb(c.window)}; border: 1px solid {rgb(c.edge)}; }}
    #messageBar {{ background: {rgb(c.hover)}; border-bottom: 1px solid {rgb(c.line)}; }}
    QFrame#undoLine {{ border-top: 1px solid {rgb(c.line)}; background: {rgb(c.window)}; }}
    QPlainTextEdit, QTextEdit {{ background: {rgb(c.base)}; color: {rgb(c.text)}; border: 0; }}

    QPushButton {{ border: 1px solid {rgb(c.edge)}; border-radius: 6px; padding: {XS + 1}px {M}px;
        background: {rgb(button)}; color: {rgb(c.text)}; min-height: {button_line}px; }}
    QPushButton[role="figure"] {{ min-height: 0; padding: 0; }}
    QPushButton:hover {{ background: {rgb(c.hover)}; border-color: {rgb(c.secondary)}; }}
    QPushButton:pressed {{ background: {rgb(mix(c.base, c.text, 0.12))}; }}
    QPushButton:focus {{ border-color: {rgb(c.accent_on_base)}; }}
    QPushButton:disabled {{ color: {rgb(c.absent)}; border-color: {rgb(c.line)}; }}
    QPushButton[primary="true"] {{ background: {rgb(c.accent)}; color: {rgb(c.accent_text)};
        border-color: {rgb(primary_edge)}; }}
    QPushButton[primary="true"]:hover {{ background: {rgb(mix(c.accent, c.accent_text, 0.08))}; }}
    QPushButton[primary="true"]:focus {{ border: 2px solid {rgb(c.text)}; padding: {XS}px {M - 1}px; }}
    QPushButton[primary="true"]:disabled {{ background: {rgb(c.hover)}; color: {rgb(c.absent)};
        border-color: {rgb(c.line)}; }}
    QToolButton {{ border: 1px solid transparent; border-radius: 6px; padding: {XS}px {S}px;
        background: transparent; color: {rgb(c.text)}; }}
    QLineEdit QToolButton {{ border: 0; padding: 0; }}
    QToolBarExtension, QToolButton#qt_toolbar_ext_button {{ padding: 0; }}
    QTabBar::scroller {{ width: {2 * grown(20, font)}px; }}
    QTabBar QToolButton {{ padding: 0; border: 0; border-radius: 0; background: {rgb(c.window)}; }}
    QToolButton:hover {{ background: {rgb(c.hover)}; }}
    QToolButton:pressed {{ background: {rgb(mix(c.base, c.text, 0.12))}; }}
    QToolButton:checked {{ background: {rgb(c.chosen)}; }}
    QToolButton:focus {{ border-color: {rgb(c.accent_on_base)}; }}
    QToolButton:disabled {{ color: {rgb(c.absent)}; }}
    QToolButton::menu-indicator {{ image: none; }}
    QToolButton[role="section"] {{ font-weight: 600; padding: {XS}px 0; text-align: left; }}
    QToolButton[role="section"]:checked {{ background: transparent; }}
    QToolButton[role="section"]:hover {{ background: transparent; color: {rgb(c.accent_on_base)}; }}
    QToolButton[role="chip"] {{ border: 1px solid {rgb(c.edge)}; border-radius: 11px; padding: 2px {S}px;
        font-size: {pt(0.92)}; }}
    QToolButton[role="chip"][excluded="true"] {{ border-style: dashed; color: {rgb(c.secondary)}; }}
    QToolButton[role="origin"] {{ padding: 0 {XS}px; font-size: {pt(0.92)}; color: {rgb(c.secondary)}; }}
    QToolButton[role="over"] {{ background: {rgb(c.base)}; border: 1px solid {rgb(c.line)}; padding: {XS}px; }}
    QLabel[role="over"] {{ background: {rgb(c.base)}; border-radius: 6px; padding: 1px {S}px;
        font-size: {pt(0.85)}; color: {rgb(c.secondary)}; }}
    QFrame[role="field"] {{ border: 1px solid transparent; border-radius: 6px; background: transparent; }}
    QFrame[role="field"]:hover {{ background: {rgb(c.hover)}; }}
    QFrame[role="field"]:focus {{ border-color: {rgb(c.accent_on_base)}; }}
    QFrame[role="editor"] {{ border: 1px solid {rgb(c.accent_on_base)}; border-radius: 6px;
        background: {rgb(c.base)}; }}
    QLineEdit[role="bare"] {{ border: 0; padding: 0 2px; background: transparent; }}
    QPlainTextEdit[role="bare"] {{ background: transparent; }}
    QToolButton[role="chip-clear"] {{ padding: 2px {S}px; font-size: {pt(0.92)};
        color: {rgb(c.accent_on_base)}; }}
    QToolButton[role="chip"]:hover, QToolButton[role="chip"]:focus
        {{ border-color: {rgb(c.accent_on_base)}; }}

    QLabel[role="pane-title"] {{ font-size: {pt(1.25)}; font-weight: 600; }}
    QLabel[role="page-title"] {{ font-size: {pt(1.6)}; font-weight: 600; }}
    QLabel[role="card-title"] {{ font-weight: 600; }}
    QLabel[role="secondary"] {{ font-size: {pt(0.92)}; color: {rgb(c.secondary)}; }}
    QLabel[role="group"] {{ font-size: {pt(0.85)}; color: {rgb(c.secondary)}; font-weight: 600; }}
    QLabel[role="problem"] {{ color: {rgb(c.problem)}; }}

    QTabWidget::pane {{ border: 0; border-top: 1px solid {rgb(c.line)}; }}
    QTabBar::tab {{ background: transparent; color: {rgb(c.secondary)}; border: 0;
        padding: {XS}px {M}px {XS + 1}px {M}px; border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {rgb(c.text)}; border-bottom-color: {rgb(c.accent_on_base)}; }}
    QTabBar::tab:hover, QTabBar::tab:focus {{ color: {rgb(c.text)}; background: {rgb(c.hover)}; }}

    QProgressBar {{ border: 0; border-radius: 3px; background: {rgb(c.tile if c.strong else c.line)}; max-height: 6px;
        min-height: 6px; text-align: center; }}
    QProgressBar::chunk {{ background: {rgb(c.accent_on_base)}; border-radius: 3px; }}

    QSlider {{ min-height: {knob + XS}px; }}
    QSlider::groove {{ height: {XS}px; border-radius: 2px; background: {rgb(c.edge)}; }}
    QSlider::handle {{ width: {knob}px; margin: -{knob // 2 - 1}px 0; border: 1px solid {rgb(c.edge)};
        border-radius: {knob // 2 + 1}px; background: {rgb(c.secondary)}; }}
    QSlider::handle:hover {{ background: {rgb(c.text)}; }}
    QSlider::handle:focus {{ border-color: {rgb(c.accent_on_base)}; background: {rgb(c.accent_on_base)}; }}

    QScrollArea {{ border: 0; background: transparent; }}
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
    QScrollBar::handle {{ background: {rgb(c.edge)}; border-radius: 3px; margin: 3px; }}
    QScrollBar::handle:vertical {{ min-height: 32px; }}
    QScrollBar::handle:horizontal {{ min-width: 32px; }}
    QScrollBar::handle:hover {{ background: {rgb(c.absent)}; }}
    QScrollBar::handle:disabled {{ background: transparent; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
