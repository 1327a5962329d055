"""WebSub (W3C Recommendation of 23 January 2018): hubs of sources say what is new, ours is told what is published."""
