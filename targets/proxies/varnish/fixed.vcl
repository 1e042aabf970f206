# default.vcl with what passes polls and WebSocket on. {upstream_port} is filled in.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "{upstream_port}";
}

sub vcl_recv {
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
    # Else requests for the same address wait for the first one's answer.
    return (pass);
}

sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}
