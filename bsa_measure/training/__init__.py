"""How a segmentation network is trained; needs the extra ``[train]``, except for the data file in :mod:`.data`."""
