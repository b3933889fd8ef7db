-- Everybody owns the node that is called like the account, and nobody any other: without this
-- only administrators may make nodes, or everybody may make any.
local bare = require "util.jid".bare;
local service = module:depends("pubsub").get_service();
local of_administrators = service.config.get_affiliation;

service.config.get_affiliation = function (jid, node, action)
	if node and bare(jid) == node then
		return "owner";
	end
	return of_administrators(jid, node, action);
end
