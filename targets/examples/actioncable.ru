# ActionCable without the rest of Rails.
require "action_cable"

class Connection < ActionCable::Connection::Base
end

class EventsChannel < ActionCable::Channel::Base
  def subscribed
    stream_from "channel #{params[:id]}"
  end
end

cable = ActionCable.server
cable.config.cable = { "adapter" => "async" }
cable.config.connection_class = -> { Connection }
cable.config.disable_request_forgery_protection = true
cable.config.logger = Logger.new(nil)

publish = lambda do |env|
  channel = Rack::Utils.parse_query(env["QUERY_STRING"])["channel"]
  cable.broadcast("channel #{channel}", env["rack.input"].read)
  [204, {}, []]
end

run Rack::URLMap.new("/publish" => publish, "/cable" => cable, "/" => ->(_) { [404, {}, []] })
