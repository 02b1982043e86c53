"""How the nodes of the DICOM door say that they are there: a document each in the exchange store, written anew.

Written by the door, read by the portal; one that is old is of a node that is gone, and is forgotten within a day.
"""

NODES = "responses/nodes/"
# A node tells every so many seconds how it is; while associations are open, more often.
RESTING_S, BUSY_S = 30.0, 5.0
# After so long without a word a node is taken for gone.
SILENT_S = 90.0
