"""The stand-in of NetShop: it only sends."""
