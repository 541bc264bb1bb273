"""A text as a host, a revision or a person might write it to make a terminal or a chat say something else."""

# What a terminal or a reader's eye would obey: C0 but for the line's end and the tab, DEL, C1, bidirectional and
# invisible controls.
ORDERS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
TEXT = "a\x1b[2Jb\x1b]0;c\x07\x9b1md\x7f\re\x00\u202ef\u2066g\u200e\u061c\u2028h[red]i[/red]```j<!channel>"
ONE_LINE = TEXT.replace("\x00", "")  # for where no NUL may be: names of files and arguments
MARKUP = """'"><img src=x onerror=alert(1)><script>alert(1)</script></title></pre>&lt;"""  # for where HTML is read
