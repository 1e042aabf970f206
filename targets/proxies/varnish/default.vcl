# Debian's default.vcl: a backend, and Varnish's built-in rules. {upstream_port} is filled in.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "{upstream_port}";
}
