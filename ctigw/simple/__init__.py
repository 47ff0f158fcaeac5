"""SIP requests served: registrar, proxy, publications, subscriptions, messages, foreign servers."""
