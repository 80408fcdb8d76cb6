"""How the reason of a posting begins that is ready and waits for an answer before it is sent.

Here: the words, by which the pages know it. Not here: waiting (holding/posting/item_lookup.py).
"""

from typing import Final

FOR_ITEM: Final = "Waits until "
